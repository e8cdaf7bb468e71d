"""Passages: where they begin and end, and that they say so truly."""

import time

from hypothesis import given
from hypothesis import strategies as st

from verticals.retrieval.reading import Block, split

WORDS = st.text(st.sampled_from("abc é東。.!?… \n\t-\u00a0"), min_size=1, max_size=400).map(str.strip).filter(bool)
BLOCKS = st.lists(
    st.builds(
        Block,
        text=WORDS,
        before=st.sampled_from(["\n", "\n\n", " \n\t\n", ""]),
        heading=st.sampled_from([(), ("A",), ("A", "B")]),
        page=st.sampled_from([None, 1, 2]),
        is_heading=st.sampled_from([False, False, False, True]),
        alone=st.booleans(),
    ),
    max_size=30,
)


@given(BLOCKS, st.integers(20, 300))
def test_a_passage_is_what_stands_at_its_place(blocks, size):
    text = "".join(block.before + block.text for block in blocks)
    end = 0
    for passage in split(blocks, size):
        assert text[passage.start : passage.end] == passage.text == passage.text.strip()
        assert 0 < len(passage.text) <= size
        assert passage.start >= end
        end = passage.end


@given(BLOCKS, st.integers(20, 300))
def test_nothing_but_headings_is_lost(blocks, size):
    kept = "".join("".join(block.text.split()) for block in blocks if not block.is_heading)
    headings = {block.text for block in blocks if block.is_heading}
    said = "".join("".join(each.text.split()) for each in split([each for each in blocks if not each.is_heading], size))
    assert said == kept
    assert {each.heading for each in split(blocks, size)} >= {each.heading for each in blocks if not each.is_heading}
    assert headings or list(split(blocks, size)) == list(split(blocks, size))


def sentences(number):
    return " ".join(f"This is sentence number {each} of a long text." for each in range(number))


def test_a_long_paragraph_is_cut_between_sentences():
    passages = list(split([Block(sentences(200))], 500))
    assert all(each.text.startswith("This is") and each.text.endswith("text.") for each in passages)
    assert len(passages) < 2 * len(sentences(200)) / 500 + 1


def test_a_long_sentence_is_cut_at_the_end_of_a_line_or_at_a_space():
    code = "\n".join(f"x{each} = some + thing" for each in range(100))
    assert all(each.text.startswith("x") for each in split([Block(code)], 200))
    assert all(set(each.text) <= set("word ") for each in split([Block("word " * 500 + "word")], 203))
    assert [len(each.text) for each in split([Block("a" * 1050)], 500)] == [500, 500, 50]


def test_sentences_of_unspaced_scripts_and_abbreviations():
    chinese = "您可以在三十天内退货。" * 30
    passages = list(split([Block(chinese)], 400))
    assert all(each.text.endswith("。") and len(each.text) <= 100 for each in passages)
    assert len(passages) < 8
    short = "Use it e.g. for tea. " * 30
    assert all(each.text.startswith("Use it") for each in split([Block(short.strip())], 100))


def test_headings_pages_and_rows_part_passages():
    blocks = [
        Block("a", heading=("A",)), Block("b", heading=("A",)), Block("c", heading=("B",)),
        Block("d", heading=("B",), page=2), Block("row", alone=True), Block("row", alone=True),
    ]  # fmt: skip
    assert [each.text for each in split(blocks)] == ["a\n\nb", "c", "d", "row", "row"]


def test_a_change_early_in_a_long_text_leaves_the_later_passages_alone():
    paragraphs = [f"Paragraph {each} says something of its own, and {each * 7919 % 1000}." for each in range(2000)]
    before = {each.text for each in split(map(Block, paragraphs))}
    paragraphs[3] = "This one is new and longer than the one that was here before, by some words."
    after = {each.text for each in split(map(Block, paragraphs))}
    assert len(before) > 80
    assert len(after - before) <= 6
    longer = [sentences(3000), "Now begins " + sentences(3000)]
    one, other = ({each.text for each in split([Block(each)])} for each in longer)
    assert len(other - one) <= 6


def test_a_line_of_twenty_megabytes_takes_seconds():
    started = time.monotonic()
    for line in ("." * 20_000_000, sentences(50_000), "no end " * 100_000 + "x", ". " * 100_000 + "x"):
        assert all(len(each.text) <= 1000 for each in split([Block(line)]))
    assert time.monotonic() - started < 60
