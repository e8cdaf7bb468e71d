"""What past dialogues suggest, reviewed in a real browser."""

import subprocess
import sys

import pytest

from verticals_customer_service.data import STARTER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGE = "/customer-service/learned"


@pytest.fixture(scope="module")
def learned(home, served, tmp_path_factory):
    """Some dialogues about a recall, gift lists and prices, learned while the vertical is served."""
    lines = (STARTER / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    log = tmp_path_factory.mktemp("log") / "chats.jsonl"
    log.write_text("\n".join(lines[15:35]), encoding="utf-8")
    command = [sys.executable, "-m", "verticals", "--home", str(home), "customer-service", "learn", str(log)]
    subprocess.run(command, check=True, capture_output=True)


def _open(page, name):  # type: ignore[no-untyped-def]
    page.get_by_role("navigation", name="Proposals").get_by_role("button", name=name).click()
    page.get_by_role("heading", name=name, exact=True).wait_for(timeout=20_000)


def test_a_proposal_is_edited_accepted_and_then_answered_with(page, learned) -> None:
    page.goto(PAGE)
    page.locator(".cs-proposal").wait_for(timeout=20_000)
    _open(page, "Kettle recall")
    assert page.locator(".cs-examples li").count() >= 4
    page.get_by_label("Name of the intent").fill("Whin kettle recall")
    page.get_by_label("Answer", exact=True).fill("Please stop using it and register it at the page Kettle recall.")
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("Accepted. Train the head").wait_for(timeout=60_000)
    page.get_by_role("button", name="Accepted 1").click()
    page.get_by_role("heading", name="Whin kettle recall").wait_for(timeout=20_000)

    page.goto("/customer-service")
    page.get_by_label("Your message").fill("what about the recall of my kettle?")
    page.keyboard.press("Enter")
    page.get_by_text("register it at the page Kettle recall").first.wait_for(timeout=20_000)


def test_a_rejected_one_is_put_aside(page, learned) -> None:
    page.goto(PAGE)
    page.locator(".cs-proposal").wait_for(timeout=20_000)
    _open(page, "Price match")
    page.get_by_role("button", name="Reject", exact=True).click()
    page.get_by_text("it is not proposed again").wait_for(timeout=20_000)
    page.get_by_role("button", name="Rejected 1").click()
    page.get_by_role("heading", name="Price match").wait_for(timeout=20_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, learned, width) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(PAGE)
    page.locator(".cs-proposal").wait_for(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
