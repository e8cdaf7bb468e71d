"""The probability that an answer is right, and the threshold that a precision takes."""

import random

import pytest

from verticals import Document, Hit, Prediction
from verticals_customer_service import trust
from verticals_customer_service.situation import Situation
from verticals_customer_service.trust import AnswersCalibrated, Trust

COUNT = len(trust.FEATURES)


def measured(answers, asked=None):
    certainty, right = zip(*answers, strict=True)
    return AnswersCalibrated(
        features=list(trust.FEATURES), mean=[0.0] * COUNT, scale=[1.0] * COUNT,
        weights=[0.0] * (COUNT + 1), certainty=list(certainty),
        right=list(right), asked=asked or len(answers), answerable=len(answers), versions={}, data={},
    )  # fmt: skip


def drawn(count, seed=0):
    """Answers whose certainty is the chance that they are right."""
    random_numbers = random.Random(seed)
    certainties = [random_numbers.random() for _ in range(count)]
    return [(certainty, random_numbers.random() < certainty) for certainty in certainties]


def test_a_fit_finds_what_tells_right_from_wrong():
    numbers = random.Random(1)
    rows = [[numbers.gauss(0, 1), numbers.gauss(5, 2), 3.0] for _ in range(400)]
    right = [row[0] + numbers.gauss(0, 0.5) > 0 for row in rows]
    fitted = Trust.fit(rows, right)
    assert fitted.weights[0] > 5 * abs(fitted.weights[1]), "the second tells nothing"
    assert fitted.weights[2] == pytest.approx(0.0), "nor does what is always the same"
    assert fitted.certainty([2.0, 5.0, 3.0]) > 0.95
    assert fitted.certainty([-2.0, 5.0, 3.0]) < 0.05
    said = [fitted.certainty(row) for row in rows]
    assert sum(said) == pytest.approx(sum(right), rel=0.02), "probabilities, on the whole"


def test_what_separates_perfectly_stays_finite():
    fitted = Trust.fit([[0.0], [0.1], [0.9], [1.0]] * 3, [False, False, True, True] * 3)
    assert 0.9 > fitted.certainty([1.0]) > 0.6
    assert fitted.certainty([1e6]) <= 1.0


@pytest.mark.parametrize(("precision", "count"), [(0.9, 22), (0.95, 45), (0.99, 230)])
def test_a_promise_takes_so_many_right_answers(precision, count):
    assert trust.fewest(precision) == count
    assert trust.promised(count, 0, precision)
    assert not trust.promised(count - 1, 0, precision)
    assert not trust.promised(count, 1, precision)


def test_the_threshold_of_a_precision_gives_as_many_answers_as_it_allows():
    found = measured(drawn(2000), asked=2500)
    points = [found.point(precision) for precision in (0.7, 0.8, 0.9)]
    assert [point.certainty for point in points] == sorted(point.certainty for point in points)
    for point in points:
        assert point.right / point.given >= point.precision
        assert point.coverage == point.given / 2500
        assert sum(certainty >= point.certainty for certainty in found.certainty) == point.given
    assert points[0].given > points[1].given > points[2].given


def test_a_promise_is_kept_on_other_answers():
    broken = 0
    for seed in range(40):
        point = measured(drawn(800, seed)).point(0.8)
        others = [right for certainty, right in drawn(4000, seed + 1000) if certainty >= point.certainty]
        broken += sum(others) / len(others) < 0.8
    assert broken <= 0.3 * 40, "looking at many thresholds costs some of the nine in ten"


def test_parts_that_chose_no_threshold_are_judged_by_the_others():
    given, right = measured(drawn(1000)).kept(0.8)
    assert given > 200
    assert right / given == pytest.approx(0.84, abs=0.06)


def test_too_few_answers_promise_nothing():
    assert measured([(0.9, True)] * 44).point(0.95) is None
    assert measured([(0.9, True)] * 45).point(0.95).given == 45
    assert measured([(0.9, True)] * 44).kept(0.95) == (0, 0)


def test_answers_of_one_certainty_are_given_together_or_not_at_all():
    found = measured([(0.9, True)] * 50 + [(0.9, False)] * 50)
    assert found.point(0.95) is None


def test_probabilities_are_of_a_fit_that_has_not_seen_the_row():
    rows = [[float(number % 2)] for number in range(50)]
    said = trust.cross_fitted(rows, [number % 2 == 1 for number in range(50)])
    assert all((one > 0.5) == (number % 2 == 1) for number, one in enumerate(said))


def test_what_was_read_by_other_heads_is_not_judged(today):
    versions = {"intent": "customer-service/intent@v1", "answer": ""}
    fitted = Trust.of(measured([(0.9, True)]).model_copy(update={"versions": versions}))
    article, ranked = (Hit(Document("a", "text"), 1.0, 0.5, relevance=relevance) for relevance in (None, 0.7))
    known = Prediction("track_parcel", 0.9, version="customer-service/intent@v1")
    assert fitted.measured_as(Situation("x", known, today))
    assert fitted.measured_as(Situation("x", known, today, [article]))
    assert not fitted.measured_as(Situation("x", known, today, [ranked])), "the head `answer` had no say before"
    other = Prediction("track_parcel", 0.9, version="customer-service/intent@v2")
    assert not fitted.measured_as(Situation("x", other, today, [article]))


def test_an_answer_of_the_faq_is_told_from_others(policy, today):
    found = [Hit(Document(name, "Yes.", title=name), 1.0, near) for name, near in (("one", 0.8), ("two", 0.6))]
    now = Situation("x", Prediction("gift_card", 0.2), today, [Hit(Document("a", "Text."), 1.0, 0.4)], faq=found)
    answer = policy.answer(now)
    assert answer.rule == "faq"
    assert trust.weighed(answer)
    told = dict(zip(trust.FEATURES, trust.features(now, answer, False), strict=True))
    assert (told["faq"], told["intent"], told["own similarity"]) == (1.0, 0.0, 0.8)
    assert told["faq similarity"] == 0.8
    assert told["faq lead"] == pytest.approx(0.2)


def test_what_another_release_measured_is_not_used():
    assert Trust.of(measured([(0.9, True)])) is not None
    assert Trust.of(measured([(0.9, True)]).model_copy(update={"features": ["luck"]})) is None
