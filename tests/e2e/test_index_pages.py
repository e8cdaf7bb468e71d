"""The pages of the indexes as a person uses them, in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HITS = ".p-hit h4 a"


def test_from_the_overview_to_the_passage_of_a_document(page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Indexes").click()
    page.get_by_label("Search knowledge").fill("when do I get my money back?")
    page.keyboard.press("Enter")
    page.locator(HITS).first.wait_for(timeout=20_000)
    assert "When will I get my refund?" in page.locator(HITS).all_inner_texts()[:3]
    assert page.get_by_label("What are you looking for?").input_value() == "when do I get my money back?"
    assert page.locator(".p-hit").first.locator("meter").count() == 1

    marked = page.locator(".p-hit").first.locator("mark").inner_text()
    page.locator(HITS).first.click()
    passage = page.locator(".p-document mark")
    passage.wait_for(timeout=20_000)
    assert " ".join(passage.inner_text().split()) == " ".join(marked.split())
    assert page.evaluate("document.querySelector('mark').getBoundingClientRect().top") > 60, "not below the header"

    page.get_by_role("link", name="knowledge").click()
    page.locator(HITS).first.wait_for(timeout=20_000)


def test_two_ways_to_search_stand_side_by_side(page) -> None:
    page.goto("/indexes/customer-service/knowledge")
    page.locator("tbody tr").first.wait_for(timeout=20_000)
    page.get_by_label("What are you looking for?").fill("the vase arrived in pieces")
    page.get_by_label("Compare with").select_option("lexical")
    page.get_by_label("Filter").fill('{"topic": ["returns", "delivery"]}')
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator(".p-ranking-column").nth(1).locator(HITS).first.wait_for(timeout=20_000)
    left, right = (page.locator(".p-ranking-column").nth(at).bounding_box() for at in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    topics = set(page.locator(".p-fact span:last-child").all_inner_texts())
    assert topics == {"returns", "delivery"}


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("", "/customer-service/knowledge", "/customer-service/knowledge?q=refund&against=dense"):
        page.goto(f"/indexes{path}")
        page.locator("#content h1").first.wait_for(timeout=20_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
