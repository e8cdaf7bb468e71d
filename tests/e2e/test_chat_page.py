"""The chat page as a customer uses it, in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

QUESTIONS = {
    "where is my parcel?": "Where is my parcel?",
    "how long do I have to send something back?": "How do I return something?"
    "|How many days do I have to send something back?",
    "I forgot my password, what now?": "I forgot my password or cannot log in",
    "my voucher code doesn't work at checkout": "Discount codes: how they work and why one may fail",
    "can I pay with PayPal?": "How can I pay?|Can I pay by PayPal?",
    "how much is shipping?": "What does delivery cost?",
    "the vase arrived in pieces": "My item arrived damaged or faulty",
    "do you ship to Norway?": "Do you deliver outside the UK?",
    "I'd like to cancel what I ordered this morning": "Cancel an order",
    "how do I get an invoice for my company?": "Get an invoice or a receipt",
}
ANSWERS = ".cs-assistant:has(.cs-under)"


def _answer(page, question: str):  # type: ignore[no-untyped-def]
    """Type a question and wait for what is said to it."""
    answers = page.locator(ANSWERS)
    before = answers.count()
    page.get_by_label("Your message").fill(question)
    page.keyboard.press("Enter")
    answers.nth(before).wait_for(timeout=20_000)
    return answers.nth(before)


def test_ten_questions_are_answered_and_cite_their_article(page) -> None:
    page.goto("/customer-service")
    wrong = {}
    for question, right in QUESTIONS.items():
        cited = _answer(page, question).locator(".p-evidence-button span").all_inner_texts()
        if not {*right.split("|")} & {*cited}:
            wrong[question] = cited
    assert not wrong


def test_evidence_opens_the_article_with_the_passage_marked(page) -> None:
    page.goto("/customer-service")
    _answer(page, "where is my parcel?").locator(".p-evidence-button").first.click()
    page.get_by_role("dialog").locator("mark").first.wait_for(timeout=10_000)


def test_a_number_in_an_answer_opens_its_source(page) -> None:
    page.goto("/customer-service")
    mark = _answer(page, "Do you put presents in wrapping paper?").locator(".cs-bubble .cs-mark").first
    assert mark.inner_text() == "1"
    mark.click()
    page.get_by_role("dialog").locator("mark").first.wait_for(timeout=10_000)


def test_an_agents_words_appear_by_themselves_and_are_there_after_a_reload(page, served) -> None:
    page.goto("/customer-service")
    _answer(page, "where is my parcel?")
    page.wait_for_url("**session=*")
    sessions = f"{served.url}/v1/customer-service/sessions/{page.url.rpartition('=')[2]}"
    for step, body in (
        ("take-over", {"agent": "Dana"}),
        ("replies", {"agent": "Dana", "text": "Let me look that up."}),
    ):
        assert page.request.post(f"{sessions}/{step}", data=body).ok
    page.get_by_text("Dana has joined the conversation.").wait_for(timeout=10_000)
    page.get_by_text("Let me look that up.").wait_for(timeout=10_000)
    page.get_by_label("Your message").fill("how do I return something?")
    page.keyboard.press("Enter")
    assert page.request.post(f"{sessions}/replies", data={"agent": "Dana", "text": "Use the form."}).ok
    page.get_by_text("Use the form.").wait_for(timeout=10_000)
    assert page.locator(ANSWERS).count() == 1  # the assistant's, of before
    page.reload()
    for text in ("Let me look that up.", "Use the form.", "how do I return something?"):
        page.get_by_text(text, exact=True).wait_for(timeout=10_000)
    assert page.get_by_text("Use the form.").count() == 1


def test_home_lists_the_verticals(page) -> None:
    page.goto("/")
    text = page.locator("#content").inner_text()
    for title in ("Customer service", "Financial sentiment"):
        assert title in text


def test_another_vertical_has_its_page_beside_the_chat(page) -> None:
    assert page.goto("/financial-sentiment").status == 200
    page.locator("#content h1").first.wait_for(timeout=20_000)
