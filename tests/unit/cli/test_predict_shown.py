"""What ``platform predict`` says of answers that are no single label."""

import pytest

from verticals.cli.predict import _said
from verticals.contract import Prediction, Span
from verticals.host.scoring import answer

TEXT = "Anna flies to Oslo"
SPANS = (Span(0, 4, "person", 0.9), Span(14, 18, "place", 0.8))


@pytest.mark.parametrize(
    ("prediction", "given", "said"),
    [
        (Prediction("a", 0.9, labels=("a", "b")), "x", "a, b"),
        (Prediction(None, 0.9, labels=()), "x", "none of these"),
        (Prediction(None, 0.8, spans=SPANS), TEXT, "Anna (person), Oslo (place)"),
        (Prediction(None, 0.8, spans=SPANS), {"words": TEXT.split()}, "Anna (person), Oslo (place)"),
        (Prediction(None, 0.8, spans=()), TEXT, "nothing"),
        (Prediction(None, 1.0, vector=(0.6, 0.8)), "x", "[0.600, 0.800, …] (2 numbers)"),
        (Prediction(None, 0.5, value=2.5), "x", "2.5"),
    ],
)
def test_each_kind_of_answer_is_said(prediction, given, said):
    assert _said(prediction, given) == said


def test_json_has_what_the_head_gives_and_no_more():
    assert answer(TEXT, Prediction(None, 0.8, spans=SPANS))["spans"][1] == {
        "start": 14, "end": 18, "label": "place", "confidence": 0.8,
    }  # fmt: skip
    assert answer("x", Prediction(None, 0.9, labels=()))["labels"] == []
    assert answer("x", Prediction(None, 1.0, vector=(1.0,)))["vector"] == [1.0]
    assert not {"labels", "spans", "vector"} & set(answer("x", Prediction("a", 0.9)))
