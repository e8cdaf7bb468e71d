"""Splits are stable, disjoint by `split_by`, and about 80/10/10."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from verticals import Dataset
from verticals.contract import SPLITS
from verticals.data import assign_split, normalise
from verticals.data.splits import split_rows

DATASET = Dataset(name="rows", row=dict, load=list)
TEXTS = st.lists(st.text(max_size=4), max_size=30)
ROWS = st.lists(st.tuples(st.text(max_size=2), st.sampled_from([None, None, *SPLITS])), max_size=30)


def rows_of(texts):
    return [({"text": text}, None) for text in texts]


@given(TEXTS)
def test_equal_texts_are_always_in_the_same_split(texts):
    rows = split_rows(rows_of(texts), DATASET)
    found = {}
    for row in rows:
        assert found.setdefault(normalise(row["text"]), row["split"]) == row["split"]


@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_what_does_not_count():
    assert (
        len({normalise(text) for text in ["Where is  it?", "where\tIS it?", " where is it？ ", "ｗhere is it?"]}) == 1
    )
    assert normalise("Straße") == normalise("STRASSE")
    assert normalise("a b") != normalise("ab")


@given(TEXTS, TEXTS)
def test_adding_rows_never_moves_an_old_row(old, new):
    before = split_rows(rows_of(old), DATASET)
    assert split_rows(rows_of(old + new), DATASET)[: len(old)] == before
    added = split_rows(rows_of(new), DATASET, before)
    assert before + added == split_rows(rows_of(old + new), DATASET)


@given(ROWS)
def test_a_row_keeps_the_split_it_names_and_rows_alike_follow(rows):
    done = split_rows([({"text": text}, split) for text, split in rows], DATASET)
    named = {}
    for text, split in rows:
        if split:
            named.setdefault(normalise(text), set()).add(split)
    for (text, split), row in zip(rows, done, strict=True):
        if split:
            assert row["split"] == split
        elif normalise(text) in named:
            assert row["split"] in named[normalise(text)]
        else:
            assert row["split"] == assign_split(normalise(text))


def test_rows_follow_the_rows_that_are_there():
    base = [{"text": "Hello", "split": "test"}, {"text": "Bye", "split": "validation"}]
    added = split_rows(rows_of(["hello ", "BYE"]), DATASET, base)
    assert [row["split"] for row in added] == ["test", "validation"]


def test_the_proportions():
    counts = Counter(assign_split(f"text number {number}") for number in range(20_000))
    assert abs(counts["train"] / 20_000 - 0.8) < 0.01
    assert abs(counts["validation"] / 20_000 - 0.1) < 0.01
    assert abs(counts["test"] / 20_000 - 0.1) < 0.01


def test_the_assignment_is_the_same_forever():
    letters = dict(zip("abcdefghi", (assign_split(letter) for letter in "abcdefghi"), strict=True))
    assert [letter for letter, split in letters.items() if split == "test"] == ["a", "e"]


def test_rows_without_a_text_stand_for_themselves():
    keyed = Dataset(name="keyed", row=dict, load=list, key="id")
    rows = split_rows([({"id": number}, None) for number in range(200)], keyed)
    assert {row["split"] for row in rows} == set(SPLITS)
    assert split_rows([({"text": None, "id": 3}, None)], keyed)[0]["split"] == rows[3]["split"]
    whole = split_rows([({"a": number}, None) for number in range(200)], DATASET)
    assert {row["split"] for row in whole} == set(SPLITS)
