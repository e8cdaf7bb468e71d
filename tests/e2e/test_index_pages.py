"""The pages of the indexes as a person uses them, in a real browser."""

import itertools

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
    facts = page.locator(".p-fact", has_text="topic").all_inner_texts()
    assert {fact.split()[-1] for fact in facts} == {"returns", "delivery"}


def test_settings_are_compared_page_by_page(page) -> None:
    page.goto("/indexes/customer-service/knowledge?q=refund&k=3")
    page.locator(HITS).first.wait_for(timeout=20_000)
    page.locator("select[name=against]").select_option("hybrid")
    page.get_by_text("More settings").click()
    page.locator("select[name=against_fusion]").select_option("ranks")
    page.locator("input[name=against_diversity]").fill("0.5")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("heading", name="Hybrid, fused by ranks, diversity 0.5").wait_for(timeout=20_000)
    first = page.locator(HITS).all_inner_texts()
    page.get_by_role("link", name="Next hits").click()
    page.get_by_text("Hits 4 to 6").wait_for(timeout=20_000)
    assert page.locator(".p-place").first.inner_text() == "4"
    assert page.locator(HITS).all_inner_texts() != first
    boxes = [box.bounding_box() for box in page.locator(".p-fieldset .p-input").all()]
    assert all(left["x"] + left["width"] <= right["x"] for left, right in itertools.pairwise(boxes[:4]))


def test_files_that_are_dropped_are_imported(page) -> None:
    page.goto("/indexes/customer-service/knowledge")
    chosen = page.locator(".p-upload input[type=file]")
    chosen.wait_for(state="attached", timeout=20_000)
    snow = {"name": "snow.md", "mimeType": "text/markdown", "buffer": b"# Snow\n\nWear boots when it snows.\n"}
    chosen.set_input_files([snow, {"name": "bad.pdf", "mimeType": "application/pdf", "buffer": b"no pdf"}])
    page.get_by_text("Read 1 file: 1 passage, 1 new").wait_for(timeout=30_000)
    assert "damaged or no PDF" in page.locator(".p-upload-result .p-table").inner_text()
    page.get_by_role("link", name="Show the documents").click()
    page.get_by_label("What are you looking for?").fill("boots")
    page.keyboard.press("Enter")
    page.locator(HITS).first.wait_for(timeout=20_000)
    assert "Snow" in page.locator(HITS).all_inner_texts()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("", "/customer-service/knowledge", "/customer-service/knowledge?q=refund&against=dense"):
        page.goto(f"/indexes{path}")
        page.locator("#content h1").first.wait_for(timeout=20_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
