"""A customer with the widget on a shop's page, and an agent with the inbox: one whole conversation."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DEMO = "/v1/customer-service/demo"


def bubbles(page) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    """Who said what, in the order shown."""
    return [
        ("customer" if "customer" in turn.get_attribute("class") else "shop", turn.locator(".bubble").inner_text())
        for turn in page.locator(".log .turn:not([hidden])").all()
        if turn.locator(".bubble:not(.dots)").count()
    ]


def say(page, text: str) -> None:  # type: ignore[no-untyped-def]
    box = page.get_by_label("Write a message")
    box.fill(text)
    box.press("Enter")


def test_a_conversation_with_handover_and_return(page, served) -> None:
    page.goto(DEMO)
    page.get_by_role("button", name="Open the chat").click()
    page.get_by_text("Hello, and welcome").wait_for()
    say(page, "where is my parcel?")
    page.get_by_role("button", name="Where is my parcel?").last.wait_for(timeout=20_000)
    page.locator(".source").first.click()
    page.locator("dialog mark").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="This helped").click()
    page.locator(".up[aria-pressed=true]").wait_for()
    page.get_by_role("button", name="Talk to a person").click()
    page.get_by_text("A person has been asked").wait_for()

    agent = page.context.new_page()
    agent.goto("/customer-service/inbox?agent=Dana")
    agent.locator(".cs-entry", has_text="where is my parcel?").first.click()
    agent.get_by_text("What happened so far").wait_for()
    agent.get_by_role("button", name="Take over").click()
    agent.get_by_label("Your reply").fill("Hello, this is Dana. Your parcel comes tomorrow.")
    agent.get_by_label("Your reply").press("Enter")

    page.bring_to_front()
    page.get_by_text("Your parcel comes tomorrow.").wait_for(timeout=20_000)
    page.get_by_text("Dana is here.").wait_for()
    before = bubbles(page)
    say(page, "thank you! how do I return something?")
    agent.locator(".cs-log", has_text="how do I return something?").wait_for(timeout=20_000)
    assert bubbles(page) == [*before, ("customer", "thank you! how do I return something?")], "the assistant is silent"
    agent.get_by_text("Suggested reply").wait_for(timeout=20_000)

    page.reload()
    page.get_by_text("Dana is here.").wait_for(timeout=20_000)
    page.get_by_text("Hello, and welcome").wait_for()
    assert bubbles(page) == [*before, ("customer", "thank you! how do I return something?")], "none lost, none twice"

    agent.bring_to_front()
    agent.get_by_role("button", name="Return to the assistant").click()
    page.bring_to_front()
    page.get_by_text("The assistant is back.").wait_for(timeout=20_000)
    page.get_by_role("button", name="How do I return something?").last.wait_for(timeout=20_000)


def test_a_number_in_an_answer_opens_its_source(page) -> None:
    page.goto(DEMO)
    page.get_by_role("button", name="Open the chat").click()
    say(page, "Do you put presents in wrapping paper?")
    page.locator(".bubble .mark").first.wait_for(timeout=20_000)
    assert page.locator(".bubble .mark").first.inner_text() == page.locator(".source b").first.inner_text() == "1"
    page.locator(".bubble .mark").first.click()
    page.locator("dialog mark").wait_for()


def test_what_was_wrong_is_asked_in_the_pages_language_and_never_in_the_way(page, served) -> None:
    page.route("**/demo", lambda route: route.fulfill(
        body='<!doctype html><html lang="zh-CN"><body><script src="widget.js" defer></script></body></html>',
        content_type="text/html"))  # fmt: skip
    page.goto(DEMO)
    page.get_by_role("button", name="打开聊天").click()
    page.get_by_text("您好").wait_for()
    box = page.get_by_label("输入消息")
    box.fill("怎么退货？")
    box.press("Enter")
    page.get_by_role("button", name="没有帮助").focus(timeout=20_000)
    page.keyboard.press("Enter")
    asked = page.get_by_role("group", name="哪里有问题？")
    asked.wait_for()
    page.keyboard.press("Tab")
    active = "document.querySelector('verticals-chat').shadowRoot.activeElement.textContent"
    assert page.evaluate(active) == "没有理解我的问题", "the reasons come next by keyboard"
    asked.get_by_role("button", name="说得不清楚").click()
    asked.get_by_label("可以补充说明").fill("太长了")
    page.keyboard.press("Enter")
    asked.get_by_text("谢谢").wait_for()
    found = page.request.get(f"{served.url}/v1/customer-service/suggestions?source=thumb-down").json()
    assert "Not clear: 太长了" in [one["signals"][0]["told"] for one in found]
    page.get_by_role("button", name="没有帮助").click()
    asked.wait_for()
    box.fill("你们送到国外吗？")
    box.press("Enter")
    page.get_by_role("button", name="没有帮助").nth(1).wait_for(timeout=20_000)


def test_what_is_said_without_a_connection_arrives_once(page) -> None:
    page.goto(DEMO)
    page.get_by_role("button", name="Open the chat").click()
    page.get_by_text("Hello, and welcome").wait_for()
    say(page, "can I pay with PayPal?")
    page.locator(".source").first.wait_for(timeout=20_000)
    before = len(bubbles(page))
    page.context.set_offline(True)
    say(page, "how much is shipping?")
    page.locator(".unsent").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="What does delivery cost?").last.wait_for(timeout=30_000)
    said = bubbles(page)
    assert len(said) == before + 2
    assert [text for who, text in said if who == "customer"] == ["can I pay with PayPal?", "how much is shipping?"]


def test_what_looks_like_html_is_text_everywhere(page, served) -> None:
    """In the widget, on the chat page and in the agent's inbox; an article that carries some is shown as it is too."""
    nasty = (
        "<img src=x onerror=\"document.title='owned'\"><b>where</b> is my 📦 &amp; <script>document.title=1</script>"
    )
    article = {"id": "html", "title": "<i>Tinsel</i> lamps", "text": f"Tinsel lamps are <b>made</b> in Hull {nasty}."}
    base = f"{served.url}/v1/platform/indexes/customer-service/knowledge"
    page.request.post(f"{base}/documents", data={"documents": [article]})
    try:
        page.goto(DEMO)
        page.get_by_role("button", name="Open the chat").click()
        page.get_by_text("Hello, and welcome").wait_for()
        say(page, nasty)
        page.locator(".log .turn .bubble", has_text="<b>where</b>").first.wait_for(timeout=20_000)
        say(page, "Where are the <i>Tinsel</i> lamps made?")
        page.locator(".log .turn .bubble", has_text="<b>made</b> in Hull").first.wait_for(timeout=20_000)
        page.get_by_role("button", name="Talk to a person").click()
        page.get_by_text("A person has been asked").wait_for()
        agent = page.context.new_page()
        agent.goto("/customer-service/inbox?agent=Dana")
        agent.locator(".cs-entry", has_text="Tinsel").first.click()
        agent.get_by_text("<b>where</b>").first.wait_for(timeout=20_000)
        chat = page.context.new_page()
        chat.goto("/customer-service")
        box = chat.get_by_label("Your message")
        box.fill(nasty)
        box.press("Enter")
        chat.locator(".cs-log", has_text="<b>where</b>").wait_for(timeout=20_000)
        for window in (page, agent, chat):
            assert "owned" not in window.title()
            assert window.title() != "1"
            assert window.locator("img[src=x], .cs-log b, .bubble b, .bubble:not(.dots) i").count() == 0
    finally:
        page.request.delete(f"{base}/documents/html")


def test_keyboard_and_screen_reader(page) -> None:
    page.goto(DEMO)
    page.get_by_role("button", name="Open the chat").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Larkspur & Lane")
    dialog.wait_for()
    page.get_by_text("Hello, and welcome").wait_for()
    active = "document.querySelector('verticals-chat').shadowRoot.activeElement.getAttribute('aria-label')"
    assert page.evaluate(active) == "Write a message"
    assert dialog.get_by_role("log").get_attribute("aria-live") == "polite"
    inside = "document.querySelector('verticals-chat').shadowRoot.activeElement.closest('.panel') !== null"
    for _ in range(14):
        page.keyboard.press("Tab")
        assert page.evaluate(inside), "the focus stays in the dialog"
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert page.evaluate(active).startswith("Open the chat")


def test_a_page_from_right_to_left_in_the_dark(browser, served) -> None:
    context = browser.new_context(base_url=served.url, color_scheme="dark", viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.route("**/demo", lambda route: route.fulfill(
        body='<!doctype html><html dir="rtl" lang="ar"><body><script src="widget.js" defer></script></body></html>',
        content_type="text/html"))  # fmt: skip
    page.goto(DEMO)
    launcher = page.get_by_role("button", name="افتح المحادثة")
    assert launcher.bounding_box()["x"] < 100, "at the end of the line, which is the left"
    launcher.click()
    panel = page.get_by_role("dialog")
    panel.wait_for()
    assert panel.bounding_box()["width"] == 390, "a phone shows nothing else"
    red, green, blue = panel.evaluate("one => getComputedStyle(one).backgroundColor.match(/\\d+/g).map(Number)")
    assert red + green + blue < 150
    context.close()
