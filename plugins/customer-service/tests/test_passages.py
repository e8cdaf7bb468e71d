from verticals import Document, Hit
from verticals_customer_service import passages

ARTICLE = Document(
    id="a",
    title="Title",
    text="First one. Second one.\n\nIntro:\n\n- red: hot\n- blue: cold\n\n" + "A long sentence, again. " * 40,
)


def quote(hit):
    return hit.document.text[slice(*passages.quoted(hit))]


def test_evidence_carries_the_title_and_the_span_still_fits():
    start = ARTICLE.text.index("Second")
    item = passages.evidence(ARTICLE, (start, start + 6), 0.5)
    assert item.span is not None
    assert item.text[slice(*item.span)] == "Second"
    assert item.title == "Title"


def test_a_quote_is_the_paragraph_around_the_span():
    assert quote(Hit(ARTICLE, 1.0, span=(0, 10))) == "First one. Second one."


def test_list_marks_are_shown_as_bullets():
    start = ARTICLE.text.index("- blue")
    said = quote(Hit(ARTICLE, 1.0, span=(start, start + 12)))
    assert passages.bulleted(said) == "• red: hot\n• blue: cold"


def test_a_long_paragraph_is_cut_at_a_sentence():
    start = ARTICLE.text.index("A long")
    said = quote(Hit(ARTICLE, 1.0, span=(start, start + 23)))
    assert said.endswith("again.")
    assert len(said) <= 420


def test_without_a_span_the_first_paragraph_is_quoted():
    assert quote(Hit(ARTICLE, 1.0)) == "First one. Second one."


def test_the_best_span_shares_most_words_with_the_clues():
    span = passages.best_span(ARTICLE.text, "is blue the cold one?")
    assert span is not None
    assert ARTICLE.text[slice(*span)] == "- blue: cold"
    assert passages.best_span(ARTICLE.text, "zebra") is None
