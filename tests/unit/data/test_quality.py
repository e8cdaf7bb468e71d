"""What the quality report counts, and what it warns of."""

from __future__ import annotations

import json

import pytest

from verticals import Dataset
from verticals.data import quality

DATASET = Dataset(name="rows", row=dict, load=list, key="id")


def rows(*given):
    return [{"id": n, "text": text, "label": label, "split": split} for n, (text, label, split) in enumerate(given)]


@pytest.fixture
def report():
    found = rows(
        ("Where is it?", "delivery", "train"),
        ("where  is it?", "delivery", "train"),
        ("Send it back", "return", "train"),
        ("Send it back", "refund", "test"),
        ("  ", "return", "validation"),
        ("Hello", "greeting", "test"),
    )
    return quality(found, DATASET, ["label"])


def test_what_is_counted(report):
    assert report.rows == 6
    assert report.splits == {"train": 3, "validation": 1, "test": 2}
    assert report.labels["label"]["return"] == {"train": 1, "validation": 1}
    assert (report.duplicates.count, report.duplicates.examples) == (1, ("Where is it?",))
    assert (report.conflicts.count, report.conflicts.examples) == (1, ("Send it back",))
    assert (report.leaks.count, report.leaks.examples) == (1, ("Send it back",))
    assert report.empty.count == 1
    assert report.longest == 13


def test_what_is_warned_of(report):
    assert report.warnings == [
        "label: no training row has 'greeting', 'refund'.",
        "label: only one training row has 'return'.",
        "1 row repeats an earlier one, for example 'Where is it?'.",
        "1 input occurs with different labels, for example 'Send it back'.",
        "1 value occurs in more than one split, so the figures will flatter, for example 'Send it back'.",
        "1 row has no text: correct it or leave it out.",
    ]


def test_one_class_only_is_shown():
    report = quality(rows(("a", "x", "train"), ("b", "x", "train"), ("c", "y", "test")), DATASET, ["label"])
    assert "label: all training rows have the one label 'x'; a head needs two or more." in report.warnings
    assert "The split validation has no rows." in report.warnings


def test_labels_that_differ_only_by_case_or_spaces_are_told_with_their_rows():
    written = ["Card Lost", "card lost ", "Card Lost", "ＣＡＲＤ  LOST", "other", "other"]
    report = quality(rows(*((f"text {n}", label, "train") for n, label in enumerate(written))), DATASET, ["label"])
    assert (
        "label: 'Card Lost' (2 rows), 'card lost ' (1 row) and 'ＣＡＲＤ  LOST' (1 row) are the same but for case or "
        "spaces, and count as different labels: write them alike." in report.warnings
    )


def test_whole_inputs_are_looked_for_in_other_splits_where_nothing_else_keeps_rows_together():
    found = [{"first": "a", "second": second, "split": split} for second, split in
             (("x", "train"), ("X ", "test"), ("y", "validation"))]  # fmt: skip
    apart = Dataset(name="rows", row=dict, load=list, split_by="")
    assert quality(found, apart, [], ["first", "second"]).leaks.examples == ("a | x",)
    assert quality(found, Dataset(name="rows", row=dict, load=list), []).leaks.count == 0


def test_labels_in_lists_are_counted_one_by_one():
    found = [{"text": "a", "topics": ["x", "y"], "split": "train"}, {"text": "b", "topics": [], "split": "train"}]
    assert quality(found, DATASET, ["topics"]).labels == {"topics": {"x": {"train": 1}, "y": {"train": 1}}}


def test_rows_without_a_text_are_compared_by_all_they_hold():
    behaviours = Dataset(name="behaviours", row=dict, load=list, split_by="user")
    found = [{"user": "u1", "item": item, "split": "train"} for item in ("i1", "i2", "i1")]
    report = quality(found, behaviours, [])
    assert report.duplicates.count == 1
    assert (report.conflicts.count, report.leaks.count) == (0, 0)
    assert quality(found, behaviours, [], inputs=["user"]).duplicates.count == 2


def test_no_rows_at_all():
    report = quality([], DATASET, ["label"])
    assert report.rows == report.longest == 0
    assert len(report.warnings) == 3


def test_the_report_is_plain_json(report):
    assert json.loads(json.dumps(report.to_dict()))["warnings"] == report.warnings
