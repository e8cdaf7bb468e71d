"""What is wrong with the rows of a training is said: refused, or in the notes and on the model card."""

import dataclasses

import numpy as np
import pytest

from verticals.contract import BadInput
from verticals.tuning import fit
from verticals.tuning.objectives import objective_of
from verticals.tuning.row_notes import row_notes


def card_of(workshop):
    return (workshop.registry.open("shop", "topic", "v1").path / "README.md").read_text(encoding="utf-8")


def told(report, workshop):
    """The notes about the rows; each stands on the card too."""
    card = card_of(workshop)
    assert all(f"- {note}" in card for note in report.notes)
    return [note for note in report.notes if not note.startswith("method ")]


@pytest.fixture
def distinct(utterances):
    """Makes rows no two of which are alike."""

    def make(count, seed=0):
        return [{**row, "text": f"{row['text']} {seed}x{at}"} for at, row in enumerate(utterances(count, seed))]

    return make


def test_good_rows_are_told_nothing_of(workshop, job, distinct):
    report = fit(job({"train": distinct(90), "validation": distinct(30, 1)}, method="head", max_tokens=64), workshop)
    assert told(report, workshop) == []


def test_labels_that_differ_only_by_case_or_spaces_are_told(workshop, job, distinct):
    train, validation = distinct(90), distinct(30, 1)
    for row in (*train[::6], validation[0]):
        row["label"] = " Delivery "
    report = fit(job({"train": train, "validation": validation}, labels=(), method="head", max_tokens=64), workshop)
    assert told(report, workshop) == [
        "label: ' Delivery ' (16 rows) and 'delivery' (24 rows) are the same but for case or spaces, and count as "
        "different labels: write them alike"
    ]


def test_a_label_with_a_single_row_is_told_and_can_be_learned(workshop, job, distinct):
    train = [*distinct(90), {"text": "close it all", "label": "goodbye"}]
    report = fit(
        job({"train": train, "validation": distinct(30, 1)}, labels=(), method="head", max_tokens=64), workshop
    )
    assert told(report, workshop) == ["label: only one training row has 'goodbye'"]
    assert "goodbye" in workshop.registry.open("shop", "topic", "v1").manifest["labels"]
    assert "One label has fewer than 10 training rows" in card_of(workshop)


def test_rows_that_repeat_and_rows_in_two_splits_are_told(workshop, job, distinct):
    train, validation = distinct(90), distinct(30, 1)
    test = [*distinct(30, 2), {**train[3], "text": f" {train[3]['text'].upper()}"}, dict(validation[4])]
    given = {"train": [*train, dict(train[0])], "validation": validation, "test": test}
    report = fit(job(given, method="head", max_tokens=64), workshop)
    shown = repr(train[0]["text"])
    assert told(report, workshop) == [
        f"3 rows repeat an earlier one, for example {shown}",
        f"2 values occur in more than one split, so the figures will flatter, for example {train[3]['text']!r}",
    ]


def test_one_text_with_two_labels_is_told(workshop, job, distinct):
    train = distinct(90)
    train.append({**train[0], "label": "payment"})
    report = fit(job({"train": train, "validation": distinct(30, 1)}, method="head", max_tokens=64), workshop)
    assert told(report, workshop) == [f"1 input occurs with different labels, for example {train[0]['text']!r}"]


def test_where_targets_are_texts_only_the_whole_example_is_compared(job):
    examples = {"train": [{"query": "a", "item": "x"}], "test": [{"query": "a", "item": "y"}]}
    given = job(examples, objective="rank", inputs=("query",), target="item")
    assert row_notes(given, objective_of("rank")(("query",), "item")) == []
    given.examples["test"].append({"query": "A", "item": "x"})
    assert len(row_notes(given, objective_of("rank")(("query",), "item"))) == 2


def test_pictures_are_compared_by_what_they_hold(job):
    pictures = [np.full((64, 64), value, dtype=np.uint8) for value in (0, 1, 0)]
    objective = objective_of("classify_image")(("image",), "label")
    objective.labels = ("a", "b")
    examples = {"train": [{"image": picture, "label": label} for picture, label in zip(pictures, "aab", strict=True)]}
    notes = row_notes(job(examples, objective="classify_image", inputs=("image",)), objective)
    assert [note.split(",")[0] for note in notes] == [
        "label: only one training row has 'b'", "1 input occurs with different labels"
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", " \t\n ", "\u00a0\u2003"])
def test_rows_without_a_text_are_refused_all_together(workshop, job, distinct, text):
    rows = distinct(90)
    for at in range(80, 90):
        rows[at]["text"] = text
    with pytest.raises(BadInput) as caught:
        fit(job(rows), workshop)
    assert caught.value.message == (
        "10 of 90 rows of the split 'train' cannot be used:\n  row 81: 'text' is empty.\n  row 82: 'text' is empty.\n"
        "  row 83: 'text' is empty.\n  row 84: 'text' is empty.\n  row 85: 'text' is empty.\n  … and 5 more\n"
    )
    assert caught.value.remedy == "Give some text."
    with pytest.raises(BadInput, match="90 of 90 rows of the split 'train' cannot be used"):
        fit(job([{**row, "text": text} for row in rows]), workshop)
    assert workshop.registry.list() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", "3", None])
def test_targets_that_are_no_finite_numbers_are_refused_with_their_rows(workshop, job, distinct, value):
    rows = [{**row, "label": float(at)} for at, row in enumerate(distinct(30))]
    rows[4]["label"] = rows[7]["label"] = value
    with pytest.raises(BadInput) as caught:
        fit(job(rows, objective="score", method="head"), workshop)
    assert f"row 5: 'label' is {value!r}, not a finite number.\n  row 8: " in caught.value.message
    assert workshop.registry.list() == []


def test_one_value_for_all_rows_is_told(workshop, job, distinct):
    given = {split: [{**row, "label": 2.5} for row in distinct(30, seed)]
             for seed, split in enumerate(("train", "validation"))}  # fmt: skip
    report = fit(job(given, objective="score", method="head", max_tokens=64), workshop)
    assert told(report, workshop) == ["every training row has the label 2.5, so there is nothing to learn"]


def test_texts_longer_than_the_encoder_takes_are_told_with_its_limit(workshop, job, distinct):
    limit = workshop.encoder.tokenizer.limit
    rows = distinct(90)
    for row in rows[:9]:
        row["text"] += " really" * limit
    given = job({"train": rows, "validation": distinct(30, 1)}, method="head", max_tokens=10 * limit)
    report = fit(given, workshop)
    assert told(report, workshop) == [
        f"9 of 90 training texts were longer than the {limit} tokens that the encoder takes and were cut"
    ]
    card = card_of(workshop)
    assert f"Inputs are read up to {limit} tokens; what follows is cut off." in card
    again = fit(dataclasses.replace(given, recipe=dataclasses.replace(given.recipe, max_tokens=limit)), workshop)
    assert f"9 of 90 training texts were longer than {limit} tokens and were cut" in again.notes
