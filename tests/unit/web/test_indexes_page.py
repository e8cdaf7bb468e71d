"""The pages of the indexes."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from verticals.host.index_models import IndexModels
from verticals.web.app import create_app
from verticals.web.pages.asked import Asked
from verticals.web.pages.hits import excerpt

HERE = "/indexes/library/articles"


@pytest.fixture
def pages(library):
    with TestClient(create_app(library, ["library", "quiet"]), headers={"accept": "text/html"}) as client:
        yield lambda path, **asked: client.get(path, params=asked)


def shown(response):
    """What the page was told to show: NiceGUI sends it as JSON for its script."""
    return html.unescape(response.text).replace('\\"', '"').replace("\\u003c", "<").replace("\\u003e", ">")


def test_the_list_of_indexes_leads_to_each(pages):
    page = pages("/indexes")
    assert page.status_code == 200
    for one in (HERE, "/indexes/library/empty", "3 documents", "Help articles", "shared encoder"):
        assert one in shown(page), one
    assert "/indexes" in shown(pages("/")), "the overview leads there"


def test_a_site_without_indexes_does_not_offer_them(host):
    with TestClient(create_app(host, ["shop"]), headers={"accept": "text/html"}) as client:
        assert 'href="/indexes"' not in shown(client.get("/"))
        assert "No index is declared." in shown(client.get("/indexes"))


def test_documents_are_listed_where_nothing_is_asked(pages):
    page = shown(pages(HERE))
    for one in ("help/returns", "How to return an item", "shipping", "退货", "Delivery times"):
        assert one in page, one
    rest = shown(pages(HERE, after="help/returns"))
    assert "How to return an item" not in rest
    assert "From the start" in rest
    assert "platform index load library/empty" in shown(pages("/indexes/library/empty"))


def test_a_search_shows_passage_similarity_places_source_and_metadata(pages):
    page = shown(pages(HERE, q="refunds"))
    for one in (
        "Refunds",
        " take a week.",
        "words 1",
        "meaning ",
        "help/returns.md",
        "topic",
        "returns",
        "document=help%2Freturns",
    ):
        assert one in page, one
    assert "<b>中文</b>" not in shown(pages(HERE, q="parcel", mode="lexical")), "it has no parcel"
    assert "Nothing was found." in shown(pages(HERE, q="parcel", where='{"topic": "none"}'))


def test_two_ways_to_search_are_compared(pages):
    page = shown(pages(HERE, q="parcel", mode="dense", against="lexical"))
    assert "2 found by both, 1 by dense alone and 0 by lexical alone." in page
    assert "only here" in page
    alone = shown(pages(HERE, q="parcel", mode="dense", against="dense"))
    assert "found by both" not in alone


def test_settings_are_compared(pages):
    page = shown(pages(HERE, q="parcel", against="hybrid", against_fusion="ranks", against_weight="0.8"))
    assert "Hybrid, fused by ranks, meaning 0.8" in page
    assert "3 found by both, 0 on the left alone and 0 on the right alone." in page
    assert "on the right: place" in page
    page = shown(pages(HERE, q="parcel", mode="dense", least="0.99", against="lexical", against_weight="0.8"))
    assert "Dense, similarity ≥ 0.99" in page
    assert "Lexical, meaning" not in page, "only a hybrid search weighs"
    assert "platform index search library/articles parcel --mode dense --least 0.99" in page


def test_hits_have_pages(pages):
    first, second = (shown(pages(HERE, q="parcel", mode="dense", k="2", page=page)) for page in ("1", "2"))
    assert "page=2" in first
    assert "Previous hits" not in first
    assert "Previous hits" in second
    assert "Next hits" not in second
    one, two = (set(re.findall(r"document=([^&#\"]+)", page)) for page in (first, second))
    assert (len(one), len(two)) == (2, 1)
    assert not one & two


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"page": "0"}, "page: "),
        ({"page": "9" * 30}, "page: "),
        ({"weight": "2"}, "weight: "),
        ({"least": "much"}, "minimum_similarity: "),
        ({"mode": "lexical", "least": "0.5"}, "A lexical search has no similarity"),
        ({"against": "dense", "against_diversity": "7"}, "diversity: "),
        ({"fusion": "sums"}, "fusion: "),
        ({"rerank": "true"}, "has no head that re-ranks"),
        ({"where": "{topic"}, "The filter is not JSON"),
        ({"where": "[1]"}, "The filter is not a JSON object."),
        ({"where": '{"topic": [["a"]]}'}, "topic"),
        ({"mode": "magic"}, "There is no search mode 'magic'."),
        ({"k": "many"}, "k: "),
        ({"k": "0"}, "k: "),
    ],
)
def test_a_search_that_cannot_be_made_is_said_and_the_form_stays(pages, asked, told):
    page = pages(HERE, q='say "parcel" & more', **asked)
    assert page.status_code == 200
    assert "This search cannot be made." in shown(page)
    assert told in shown(page)
    assert 'say "parcel" & more' in shown(page)


def test_a_document_is_shown_whole_with_the_passage(pages):
    page = shown(pages(HERE, document="help/returns", span="57-77"))
    for one in (
        "How to return an item",
        "Send it back within 30 days.",
        "help/returns.md",
        '["money", "parcel"]',
        "passage",
    ):
        assert one in page, one
    for span in ("", "9-3", "x-y", "5", "-1-4", "999999-9999999"):
        assert "Send it back" in shown(pages(HERE, document="help/returns", span=span))
    assert pages(HERE, document="nothing").status_code == 404


def test_what_is_not_there_is_not_found(pages):
    for path in ("/indexes/library/artcles", "/indexes/nobody/articles"):
        assert pages(path).status_code == 404
    assert "Did you mean 'articles'?" in shown(pages("/indexes/library/artcles"))


def test_nothing_that_is_shown_becomes_markup(pages):
    raw = pages(HERE, document="退货").text
    assert "<b>中文</b>" not in raw
    assert not re.search(r"<script>alert", pages(HERE, q="<script>alert(1)</script>").text)


def test_an_address_says_only_what_is_asked():
    assert Asked().address("/x") == "/x"
    asked = Asked.of({"q": "a b", "k": "5", "unknown": "1"})
    assert (asked.text, asked.k) == ("a b", "5")
    assert asked.address("/x", document="d/e") == "/x?q=a+b&k=5&document=d%2Fe"
    assert Asked.of({"text": "not by this name"}).text == ""


def test_an_excerpt_has_the_passage_between_whole_words():
    text = "word " * 60 + "The passage\nitself." + " more" * 60
    before, passage, behind = excerpt(text, (300, 319))
    assert passage == "The passage itself."
    assert before.startswith("… word word")
    assert behind.endswith(" more …")
    assert excerpt("short", None) == ("", "", "short")
    assert excerpt("short", (0, 5)) == ("", "short", "")
    assert excerpt("", None) == ("", "", "")
    assert len("".join(excerpt("字" * 3000, None))) < 300


def test_vectors_of_another_model_are_shown(library, pages, monkeypatch):
    handle = library["library"].index("articles")
    index, (embed, _) = handle.opened, IndexModels(handle.vertical, handle.noun).wanted()
    index.reembed(embed, "turned", switch=False)
    assert "new vectors 100%" in shown(pages("/indexes"))
    assert "turned is about to take over." in shown(pages(HERE))
    with monkeypatch.context() as worse:
        worse.setattr("verticals.retrieval.comparing.Compared.worse", True)
        index.reembed(embed, "turned")
    assert "new vectors held back" in shown(pages("/indexes"))
    assert "turned is held back, for it answers worse." in shown(pages(HERE))
    assert "POST /v1/platform/indexes/library/articles/reembed" in shown(pages(HERE))
    index.reembed(embed, "turned", force=True)
    assert "When these vectors took over: 100% of the ten best hits are the same" in shown(pages(HERE))
