"""Promises of the trend: counts, means, smoothing, changes, evidence, periods."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals import BadInput
from verticals_financial_sentiment.data import AnalysedDocument
from verticals_financial_sentiment.trends import DAYS, bucket_start, mood, trend

FIRST = dt.date(2024, 1, 1)  # a Monday
BUCKETS = st.sampled_from(["day", "week"])


def document(day: int, score: float, identifier: str = "x", **fields) -> AnalysedDocument:
    sentiment = "positive" if score > 0.33 else "negative" if score < -0.33 else "neutral"
    values = {"topic": "energy", "sentiment": sentiment, "confidence": 1.0, "text": f"headline {identifier}", **fields}
    return AnalysedDocument(id=identifier, date=FIRST + dt.timedelta(days=day), score=score, **values)


@st.composite
def many(draw) -> list[AnalysedDocument]:
    drawn = draw(st.lists(st.tuples(st.integers(0, 120), st.floats(-1, 1), st.booleans()), max_size=40))
    return [document(day, score, f"n{n}", abstained=out) for n, (day, score, out) in enumerate(drawn)]


@given(many(), BUCKETS)
def test_every_counted_document_is_in_exactly_one_point(documents, bucket):
    counted = [one for one in documents if not one.abstained]
    points = trend(documents, bucket)
    assert sum(point.count for point in points) == len(counted)
    for point in points:
        inside = [one for one in counted if point.start <= one.date <= point.end]
        assert point.count == sum(point.counts.values()) == len(inside)
        if inside:
            assert point.mean == pytest.approx(sum(one.score for one in inside) / len(inside), abs=1e-12)
        else:
            assert point.mean is None


@given(many(), BUCKETS)
def test_points_follow_each_other_without_gaps_and_lie_within_the_scores(documents, bucket):
    points = trend(documents, bucket)
    for before, after in itertools.pairwise(points):
        assert (after.start - before.start).days == DAYS[bucket]
        if before.mean is None or after.mean is None:
            assert after.change is None
        else:
            assert after.change == pytest.approx(after.mean - before.mean)
    scores = [one.score for one in documents if not one.abstained]
    for point in points:
        assert point.start == bucket_start(point.start, bucket)
        assert min(scores) - 1e-9 <= point.smoothed <= max(scores) + 1e-9


@given(many(), BUCKETS, st.randoms())
def test_the_order_of_documents_does_not_matter(documents, bucket, random):
    shuffled = list(documents)
    random.shuffle(shuffled)
    for one, other in zip(trend(documents, bucket), trend(shuffled, bucket), strict=True):
        assert (one.start, one.count, one.counts, one.evidence) == (
            other.start,
            other.count,
            other.counts,
            other.evidence,
        )
        assert one.smoothed == pytest.approx(other.smoothed, abs=1e-9)


@given(many(), BUCKETS, st.integers(0, 120), st.integers(0, 60))
def test_a_period_shows_the_same_points_as_the_whole(documents, bucket, opens, length):
    start, end = FIRST + dt.timedelta(days=opens), FIRST + dt.timedelta(days=opens + length)
    whole = {point.start: point for point in trend(documents, bucket)}
    part = trend(documents, bucket, start=start, end=end)
    for point in part:
        assert bucket_start(start, bucket) <= point.start <= end
        if point.start in whole:
            known = whole[point.start]
            assert (point.count, point.mean, point.evidence) == (known.count, known.mean, known.evidence)
            assert point.change == known.change
            assert point.smoothed == pytest.approx(known.smoothed, abs=1e-9)
    wanted = {opens for opens in whole if bucket_start(start, bucket) <= opens <= end}
    assert wanted <= {point.start for point in part}


@given(st.floats(-1, 1), st.lists(st.integers(0, 90), min_size=1, max_size=20), BUCKETS)
def test_a_constant_score_gives_a_flat_line(score, days, bucket):
    points = trend([document(day, score, str(n)) for n, day in enumerate(days)], bucket)
    assert all(point.smoothed == pytest.approx(score, abs=1e-9) for point in points)
    assert all(point.change in (None, pytest.approx(0, abs=1e-9)) for point in points)


@given(many(), BUCKETS)
def test_turning_all_scores_round_turns_the_trend_round(documents, bucket):
    turned = [one.model_copy(update={"score": -one.score}) for one in documents]
    for one, other in zip(trend(documents, bucket), trend(turned, bucket), strict=True):
        assert other.smoothed == pytest.approx(-one.smoothed, abs=1e-9)


def test_half_the_weight_after_two_weeks():
    points = trend([document(0, -1.0, "old"), document(14, 1.0, "new")], "week")
    assert [point.smoothed for point in points] == pytest.approx([-1.0, -1.0, (1 - 0.5) / (1 + 0.5)])


def test_evidence_is_the_strongest_first_then_the_newest():
    documents = [
        document(0, 0.2, "weak"),
        document(1, -0.9, "older"),
        document(2, 0.9, "newer"),
        document(3, 0.5, "mid"),
    ]
    (point,) = trend(documents, "week", evidence=3)
    assert [one.id for one in point.evidence] == ["newer", "older", "mid"]
    assert point.evidence[1].score == -0.9


def test_weeks_begin_on_monday_and_days_stand_alone():
    assert bucket_start(dt.date(2024, 1, 7), "week") == FIRST
    assert bucket_start(dt.date(2024, 1, 8), "week") == dt.date(2024, 1, 8)
    assert bucket_start(dt.date(2024, 1, 7), "day") == dt.date(2024, 1, 7)


def test_the_mood_is_compared_with_four_weeks_before():
    points = trend([document(week * 7, score, str(week)) for week, score in enumerate([-1, -1, 0, 1, 1])], "week")
    now = mood(points)
    assert now.score == points[-1].smoothed
    assert now.change == pytest.approx(points[-1].smoothed - points[0].smoothed)
    assert mood(points[-3:]).change is None
    assert mood([]) is None


def test_a_backward_or_endless_period_is_refused():
    with pytest.raises(BadInput, match="ends"):
        trend([document(0, 1)], start=FIRST, end=FIRST - dt.timedelta(days=1))
    with pytest.raises(BadInput, match="more than 2,000 days"):
        trend([document(0, 1, "a"), document(4000, 1, "b")], "day")


def test_nothing_to_show_is_no_point():
    assert trend([]) == []
    assert trend([document(0, 1, abstained=True)]) == []
    assert trend([document(30, 1)], end=FIRST) == []
    assert trend([document(0, 1)], start=FIRST + dt.timedelta(days=30)) == []
