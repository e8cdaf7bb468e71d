"""Two versions on the same rows: is one better, or was it luck?"""

import dataclasses

import pytest

from verticals.contract import BadInput, TaskHead
from verticals.inference import Engine
from verticals.tuning import compare, fit
from verticals.tuning.comparison import mcnemar

NOUN = TaskHead(name="topic", dataset="chats")


@pytest.fixture
def versions(workshop, job, utterances):
    """A good version, a poor one that saw wrong labels, and their engine."""
    fit(job(method="head"), workshop)
    wrong = [{**row, "label": "payment" if at % 2 else row["label"]} for at, row in enumerate(utterances(150))]
    fit(job({"train": wrong, "validation": utterances(60, seed=1)}, method="head"), workshop)
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    return engine.load("shop", "topic", "v1"), engine.load("shop", "topic", "v2")


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375), (10, 2, 0.03857421875), (400, 300, 0.000177)],
)
def test_mcnemar_is_the_exact_binomial_test(gained, lost, p):
    assert mcnemar(gained, lost) == pytest.approx(p, rel=1e-2)
    assert mcnemar(lost, gained) == mcnemar(gained, lost)


def test_a_better_version_is_told_in_words_with_the_rows_that_changed(versions, utterances):
    good, poor = versions
    rows = utterances(120, seed=5)
    found = compare(poor, good, ("v2", "v1"), NOUN, rows, "test", numbers=list(range(1, 121)))
    one = found.figures["accuracy"]
    assert found.verdict == "better"
    assert found.p < 0.05
    assert one.difference == pytest.approx((found.gained - found.lost) / 120, abs=1e-6)
    assert 0 < one.interval[0] < one.difference < one.interval[1]
    assert "v1 is better than v2 by" in found.sentence
    assert "more than chance would explain (McNemar's exact test" in found.sentence
    assert len(found.changed) == found.gained + found.lost
    for row in found.changed:
        assert rows[row.number - 1]["label"] == row.target
        assert (row.first == row.target) != (row.second == row.target)
    back = compare(good, poor, ("v1", "v2"), NOUN, rows, "test")
    assert (back.verdict, back.p) == ("worse", found.p)
    assert back.figures["accuracy"].interval == pytest.approx([-one.interval[1], -one.interval[0]])


def test_a_version_and_itself_are_alike_and_few_rows_tell_no_two_apart(versions, utterances):
    found = compare(versions[0], versions[0], ("v1", "v1"), NOUN, utterances(30, seed=5), "test")
    assert (found.verdict, found.p, found.gained, found.lost, found.changed) == ("alike", 1.0, 0, 0, ())
    assert "reach the same accuracy on these 30 rows" in found.sentence
    assert "not distinguishable from chance" in found.sentence
    few = compare(*versions, ("v1", "v2"), NOUN, utterances(5, seed=5), "test")
    assert few.verdict == "alike"
    one = compare(*versions, ("v1", "v2"), NOUN, utterances(1, seed=5), "test")
    assert one.figures["accuracy"].interval is None
    with pytest.raises(BadInput, match="no rows in the split 'test'"):
        compare(*versions, ("v1", "v2"), NOUN, [], "test")


def test_numbers_are_compared_by_the_bootstrap(workshop, job, utterances):
    worth = {"delivery": 10.0, "payment": 20.0, "account": 40.0}
    made = {split: [{"text": row["text"], "label": worth[row["label"]]} for row in utterances(count, seed=count)]
            for split, count in (("train", 120), ("validation", 60))}  # fmt: skip
    spoiled = [{**row, "label": 20.0 + at % 3} for at, row in enumerate(made["train"])]
    noun = dataclasses.replace(NOUN, objective="score")
    for train in (made["train"], spoiled):
        fit(job({**made, "train": train}, objective="score", method="head"), workshop)
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    pair = engine.load("shop", "topic", "v2"), engine.load("shop", "topic", "v1")
    found = compare(*pair, ("v2", "v1"), noun, made["validation"], "validation")
    assert (found.verdict, found.test, found.metric) == ("better", "paired bootstrap", "r2")
    assert (found.gained, found.changed) == (None, ())
    assert found.figures["mae"].difference < 0
