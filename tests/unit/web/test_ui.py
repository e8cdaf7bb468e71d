"""The building blocks of pages."""

import pytest
from fastapi.testclient import TestClient
from nicegui import ui

from verticals import Evidence
from verticals.web import ui as blocks
from verticals.web.app import create_app


@pytest.fixture
def show(fresh_host):
    """The page that a function builds."""

    def run(build):
        app = create_app(fresh_host, ["quiet"])
        ui.page("/quiet/trial")(build)
        with TestClient(app) as client:
            response = client.get("/quiet/trial")
        assert response.status_code == 200
        return response.text

    return run


def test_blocks_show_what_they_are_given(show):
    def build():
        blocks.heading("Sarcasm", "Judges one text.")
        with blocks.section("Try it", "Any text."), blocks.panel(), blocks.grid():
            blocks.badge("live", "success")
        blocks.stats([("Rows", 10003, "imported"), ("Accuracy", 0.94, ""), ("Runs", None, "")])
        blocks.table(["Label", "Rows"], [["returns", 40]], caption="Per class")
        blocks.ranking([("parcel", 0.914), ("refund", 0.05), ("other", 0.036)], limit=2)
        blocks.notice("Nothing was lost.", "error", title="Stopped")
        blocks.empty("No alerts", "All is quiet.", commands=["platform run shop"])

    text = show(build)
    for shown in ("Sarcasm", "10,003", "0.94", "–", "Per class", "91%", "Stopped", "platform run shop"):
        assert shown in text, shown
    assert "other" not in text
    assert '"role":"alert"' in text


@pytest.mark.parametrize("span", [None, (0, 4), (-3, 400), (90, 95), (6, 2)])
def test_evidence_shows_its_whole_text_whatever_the_span(span):
    start, end = blocks._within(Evidence("article", "a", "0123456789", span=span))
    assert 0 <= start <= end <= 10
    assert (end > start) == (span in [(0, 4), (-3, 400)])


def test_text_is_never_read_as_markup(show):
    def build():
        blocks.evidence_card(Evidence("article", "a", "<script>alert(1)</script>", source="<b>x</b>", score=0.5))

    text = show(build)
    assert "<script>alert(1)" not in text
    assert "<b>x</b>" not in text


def test_evidence_counts_its_items(show):
    def build():
        blocks.evidence([])
        blocks.evidence([Evidence("article", "a", "text")])
        blocks.evidence([Evidence("article", "a", "text")] * 3)
        blocks.evidence([Evidence("article", "a", "text")], label="Why?")

    text = show(build)
    for shown in ("No sources", "1 source", "3 sources", "Why?"):
        assert shown in text


def test_the_drawer_speaks_the_words_that_it_is_given(show):
    words = blocks.EvidenceWords(
        title="Belege", one="1 Quelle", several="{count} Quellen", ranked="{count} Quellen, die stärkste zuerst",
        close="Schließen", score="Nähe", kinds={"article": "Artikel"},
    )  # fmt: skip
    items = [Evidence("article", "a", "text", score=0.5), Evidence("note", "b", "text")]

    def build():
        blocks.evidence(items, words=words)
        blocks._drawer_head(ui.dialog(), 2, words)
        for item in items:
            blocks.evidence_card(item, words=words)

    text = show(build)
    for shown in (
        "Belege",
        "2 Quellen",
        "2 Quellen, die stärkste zuerst",
        "Schließen",
        "Nähe",
        "Artikel · a",
        "note · b",
    ):
        assert shown in text, shown
    for unsaid in ("Evidence", "sources", "Close", "Score"):
        assert unsaid not in text, unsaid
