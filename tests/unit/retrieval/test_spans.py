"""The passage that answers best."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals.retrieval.spans import best_span, passages


def words(text):
    """The words of each passage."""
    return ((start, end, set(text[start:end].lower().replace(".", " ").split())) for start, end in passages(text))


def shown(text):
    return [text[start:end] for start, end in passages(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Version 1.5 is out. It costs 3.50 now.", ["Version 1.5 is out.", "It costs 3.50 now."]),
        ("A line\n\n  another line \n", ["A line", "another line"]),
        ("第一句。第二句！完", ["第一句。", "第二句！", "完"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_passages_are_sentences_and_lines(text, expected):
    assert shown(text) == expected


@given(st.text(alphabet=st.sampled_from("ab .!?。\n\t\u2003é退"), max_size=300) | st.text())
def test_passages_cover_everything_but_space_in_order(text):
    spans = list(passages(text))
    assert all(start < end for start, end in spans)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_overlong_sentences_are_cut_between_words():
    parts = shown("word " * 500)
    assert all(len(part) <= 400 and set(part.split()) == {"word"} for part in parts)
    assert max(len(part) for part in shown("x" * 1000)) == 400


def test_the_passage_with_the_rarest_words_wins_and_the_shorter_of_equals():
    text = "The common one here. The rare gem. The rare gem and more words."
    assert best_span(text, {"the": 0.1, "common": 0.5, "rare": 2.0}, words) == (21, 34)


def test_no_common_word_means_no_span_unless_there_is_but_one_passage():
    assert best_span("One thing. Another thing.", {"else": 1.0}, words) is None
    assert best_span("One thing.", {"else": 1.0}, words) == (0, 10)
    assert best_span("", {"else": 1.0}, words) is None


def test_a_huge_text_takes_no_time():
    started = time.perf_counter()
    best_span("Some words in a sentence. " * 100_000, {"words": 1.0}, words)
    assert time.perf_counter() - started < 0.5


def test_a_line_of_dots_takes_no_time():
    text = "." * 50_000 + '\nend. "quoted." x'
    began = time.perf_counter()
    assert shown(text)[-3:] == ["end.", '"quoted."', "x"]
    assert time.perf_counter() - began < 1
