"""From a question that nobody could answer to one that the assistant answers, on the pages for operators."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

API = "/v1/customer-service"
QUESTION = "do you engrave names into a copper jug?"
ANSWER = "We engrave copper for £9 within three working days: write the words into the order's comment."


def ask(page, text: str) -> dict:  # type: ignore[type-arg,no-untyped-def]
    session = page.request.post(f"{API}/sessions").json()["session"]
    return page.request.post(f"{API}/sessions/{session}/messages", data={"text": text}).json()


@pytest.fixture(scope="module")
def unanswered(browser, served):
    context = browser.new_context(base_url=served.url)
    for text in (QUESTION, "could someone engrave initials on a copper jug", "is engraving a copper jug possible"):
        assert ask(context, text)["action"] == "abstain", text
    context.close()


def choose(page, text: str) -> None:  # type: ignore[no-untyped-def]
    page.locator(".cs-proposals button", has_text=text).first.click()
    page.locator(".cs-proposals button[aria-current=true]", has_text=text).wait_for(timeout=20_000)


def test_an_unanswered_question_is_drafted_approved_and_answered_until_that_is_undone(page, unanswered) -> None:
    page.goto("/customer-service/knowledge")
    choose(page, "copper jug")
    page.get_by_text("asked 3 times").first.wait_for()
    page.get_by_role("button", name="Draft an answer").click()
    page.get_by_label("Name of the intent").fill("engraving", timeout=20_000)
    page.get_by_label("Answer", exact=True).fill(ANSWER)
    article = page.get_by_role("checkbox", name="The assistant quotes this answer from now on")
    if article.get_attribute("aria-checked") != "true":
        article.click()
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("Accepted.").first.wait_for(timeout=60_000)
    assert "three working days" in ask(page, QUESTION)["text"]

    page.get_by_role("button", name="Done").click()
    choose(page, "Engraving")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Undone").first.wait_for(timeout=60_000)
    assert ask(page, QUESTION)["action"] == "abstain"


def test_why_leads_from_the_chat_to_another_answer_and_to_a_suggestion(page, unanswered) -> None:
    page.goto("/customer-service")
    page.get_by_label("Your message").fill("which goats of yours are engraved?")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="why?").first.click(timeout=20_000)
    page.get_by_role("heading", name="Why this answer?").wait_for(timeout=20_000)
    assert page.locator(".cs-meter b").count() >= 3, "the thresholds are drawn in"
    page.get_by_text("the same answer").wait_for()
    page.get_by_role("slider", name="Least similarity of an article").press("Home")
    page.get_by_text("another answer").wait_for(timeout=20_000)
    assert page.locator(".cs-diff ins").count()

    page.get_by_label("Intent", exact=True).fill("engraved_goats")
    page.get_by_role("button", name="Correct it").click()
    page.get_by_text("It waits to be accepted").wait_for(timeout=20_000)
    page.get_by_role("link", name="Suggestions").click()
    page.get_by_role("heading", name="which goats of yours are engraved?").first.wait_for(timeout=20_000)
    assert page.get_by_label("Intent", exact=True).input_value() == "engraved_goats"
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("Accepted.").first.wait_for(timeout=60_000)


def test_a_thumb_down_asks_what_was_wrong(page, served) -> None:
    page.goto("/customer-service")
    page.get_by_label("Your message").fill("how much is shipping?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="This did not help").click(timeout=20_000)
    page.get_by_role("button", name="Not true or out of date").click()
    page.get_by_label("In your own words").fill("It was £3 yesterday")
    page.get_by_label("In your own words").press("Enter")
    page.get_by_text("A person will look at it").wait_for(timeout=10_000)
    found = page.request.get(f"{API}/suggestions?source=thumb-down").json()
    assert found[0]["signals"][0]["told"] == "Not true or out of date: It was £3 yesterday"
    page.goto("/customer-service/results")
    page.get_by_role("row", name="Not true or out of date").wait_for(timeout=20_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, unanswered, width) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    trace = ask(page, "where is my parcel?")["trace_id"]
    for path, what in ((f"trace/{trace}", ".cs-replay p"), ("knowledge", ".cs-proposal"), ("knowledge?tab=done", "h1")):
        page.goto(f"/customer-service/{path}")
        page.locator(what).first.wait_for(timeout=20_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
