"""The head `slots`: its rows, and what it adds to the patterns."""

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from verticals import Span
from verticals_customer_service import marked, slots
from verticals_customer_service.marked import Marked

HELD_OUT = [
    Marked(text=line)
    for line in (Path(__file__).parent / "slots_held_out.txt").read_text(encoding="utf-8").splitlines()
]
TODAY = date(2026, 11, 21)


def test_marks_become_spans_of_the_text_without_them():
    row = Marked(text=" where is my [blue teapot](product), [LL-204518](order_number)? ")
    assert row.text == "where is my blue teapot, LL-204518?"
    assert [(row.text[one.start : one.end], one.label) for one in row.spans] == [
        ("blue teapot", "product"),
        ("LL-204518", "order_number"),
    ]
    assert Marked.model_validate(row.model_dump()) == row
    assert Marked(text="nothing [to] (see) here").spans == []


def test_a_mark_that_names_no_slot_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match=r"\[tomorrow\]\(day\) names no slot; they are order_number, email"):
        Marked(text="is it here [tomorrow](day)?")


def test_rows_come_from_a_file_with_marks_or_with_spans(serving, tmp_path):
    plain, spans = tmp_path / "marked.csv", tmp_path / "spans.jsonl"
    plain.write_text('text\n"the [wok](product), again"\n', encoding="utf-8")
    spans.write_text(
        json.dumps({"text": "the wok", "spans": [{"start": 4, "end": 7, "label": "product"}]}), encoding="utf-8"
    )
    before = {row["text"] for row in serving.call(serving.vertical.rows, "slots")}
    for path in (plain, spans):
        serving.call(serving.vertical.import_file, "slots", path)
    added = [row for row in serving.call(serving.vertical.rows, "slots") if row["text"] not in before]
    assert [(row["text"], row["spans"]) for row in added] == [
        ("the wok, again", [{"start": 4, "end": 7, "label": "product"}]),
        ("the wok", [{"start": 4, "end": 7, "label": "product"}]),
    ]


def test_starter_and_held_out_messages_are_many_and_different():
    starter = list(marked.starter())
    assert len({row.text.lower() for row in starter}) == len(starter) >= 250
    assert len(HELD_OUT) >= 80
    assert not {row.text for row in starter} & {row.text for row in HELD_OUT}
    for slot in slots.SLOTS:
        assert sum(span.label == slot for row in starter for span in row.spans) >= 15


def test_what_has_a_form_is_found_by_it_and_the_head_fills_what_is_left():
    text = "the salad bowl of LL-204518 by the end of May"
    spans = [Span(4, 14, "product", 0.9), Span(18, 27, "order_number", 0.9), Span(31, 45, "date", 0.9)]
    assert slots.find(text, TODAY, spans=spans) == {
        "order_number": "LL-204518",
        "product": "the salad bowl",
        "date": "the end of May",
    }
    assert slots.find("the 3rd, I mean the 4th of May", TODAY, spans=[Span(16, 30, "date", 0.9)])["date"] == "the 3rd"
    assert slots.find("it is nine", TODAY, spans=[Span(6, 10, "order_number", 0.99)]) == {}


def test_patterns_and_head_together_find_more_than_patterns_alone(serving):
    """Values of held-out messages; docs/benchmarks.md has the figures."""
    texts = [row.text for row in HELD_OUT]
    said = serving.call(serving.vertical.head("slots").predict_many, texts)
    alone = [slots.find(text, TODAY) for text in texts]
    both = [slots.find(text, TODAY, spans=one.spans) for text, one in zip(texts, said, strict=True)]
    assert f1(both) >= f1(alone) + 0.05


def f1(found):
    """Of the values found in the held-out messages, one per slot and message."""
    right = wrong = missed = 0
    for row, values in zip(HELD_OUT, found, strict=True):
        truth: dict[str, set[str | None]] = {}
        for span in row.spans:
            truth.setdefault(span.label, set()).add(slots.said(span.label, row.text[span.start : span.end], TODAY))
        right += (hits := sum(value in truth.get(slot, ()) for slot, value in values.items()))
        wrong += len(values) - hits
        missed += len(truth) - hits
    return 2 * right / (2 * right + wrong + missed)
