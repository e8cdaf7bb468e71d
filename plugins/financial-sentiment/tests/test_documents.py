"""Promises of the data, the view of the log, and the page's pure parts."""

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals import BadInput, Event, NotFound
from verticals_financial_sentiment.data import SENTIMENTS, as_labelled, as_searchable, load
from verticals_financial_sentiment.documents import Documents, Filter
from verticals_financial_sentiment.page.chart import chart, colours
from verticals_financial_sentiment.page.wording import signed, span, tone
from verticals_financial_sentiment.service import NewDocument, Series, signed_score
from verticals_financial_sentiment.trends import mood, trend

LABELLED = [as_labelled(headline) for headline in load()]


def told(documents, kind="document"):
    return [
        Event(offset, "financial-sentiment", kind, one.model_dump(mode="json"), dt.datetime.now(dt.UTC))
        for offset, one in enumerate(documents, 1)
    ]


def test_the_starter_headlines_cover_every_topic_with_every_sentiment():
    assert len(LABELLED) == len({one.id for one in LABELLED}) >= 600
    found = Counter((one.topic, one.sentiment) for one in LABELLED)
    assert len({topic for topic, _ in found}) == 10
    assert all(found[topic, sentiment] >= 15 for topic, _ in found for sentiment in SENTIMENTS)
    assert {(one.sentiment, one.score) for one in LABELLED} == {("negative", -1), ("neutral", 0), ("positive", 1)}


def test_what_search_can_restrict_by_is_in_the_metadata():
    found = as_searchable(LABELLED[0], starter=True)
    assert found.metadata == {
        "date": "2026-01-05", "topic": "markets", "sentiment": "positive", "origin": "starter",
    }  # fmt: skip


@given(st.lists(st.sampled_from(LABELLED), max_size=60), st.randoms())
def test_events_told_twice_or_in_any_order_give_the_same_documents(documents, random):
    view, other = Documents(), Documents()
    view.apply(told(documents))
    view.apply(told(documents))
    shuffled = list(documents)
    random.shuffle(shuffled)
    other.apply(told(shuffled))
    assert view.all() == other.all()
    assert len(view) == view.revision == len({one.id for one in documents})
    assert [one.date for one in view.all()] == sorted((one.date for one in view.all()), reverse=True)


def test_other_kinds_of_event_are_no_documents():
    view = Documents()
    view.apply([Event(1, "financial-sentiment", "seeded", {"documents": 3}, dt.datetime.now(dt.UTC))])
    assert (view.all(), view.newest(), view.revision) == ((), None, 0)


def test_a_filter_includes_both_ends_of_its_period():
    view = Documents()
    view.apply(told(LABELLED))
    start, end = dt.date(2026, 3, 2), dt.date(2026, 3, 27)
    found = view.select(Filter(("energy", "banking"), ("negative",), start, end))
    assert found == [
        one
        for one in view.all()
        if one.topic in ("energy", "banking") and one.sentiment == "negative" and start <= one.date <= end
    ]
    assert {one.topic for one in found} == {"energy", "banking"}
    with pytest.raises(BadInput, match="ends"):
        Filter(start=end, end=start)


def test_an_unknown_topic_is_answered_with_the_nearest():
    view = Documents()
    view.apply(told(LABELLED))
    with pytest.raises(NotFound, match="'energy'"):
        view.check_topics(["enrgy"])


def test_without_an_id_day_and_text_are_the_identity():
    day = dt.date(2024, 5, 1)
    assert NewDocument("Oil up", day).key == NewDocument("Oil up", day, source="elsewhere").key
    assert NewDocument("Oil up", day).key != NewDocument("Oil up", day + dt.timedelta(days=1)).key
    assert NewDocument("Oil up", day, id="mine").key == "mine"


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_signed_score_lies_between_minus_one_and_one(first, second):
    positive, negative = first * second, first * (1 - second)
    score = signed_score({"positive": positive, "negative": negative, "neutral": 1 - first})
    assert -1 <= score <= 1
    assert score == pytest.approx(positive - negative)


def test_numbers_and_periods_are_written_for_people():
    assert [signed(number) for number in (0.424, -0.1, 0.001, -0.001)] == ["+0.42", "−0.10", "0.00", "0.00"]
    assert [tone(score) for score in (0.0951, -0.3, 0.05)] == ["positive", "negative", "neutral"]
    assert span(dt.date(2026, 3, 9), dt.date(2026, 3, 15)) == "9–15 Mar 2026"
    assert span(dt.date(2026, 3, 30), dt.date(2026, 4, 5)) == "30 Mar – 5 Apr 2026"
    assert span(dt.date(2025, 12, 29), dt.date(2026, 1, 4)) == "29 Dec 2025 – 4 Jan 2026"


def test_every_data_point_of_the_chart_knows_what_it_stands_for():
    topics = ["banking", "energy", "labour", "markets"]
    series = []
    for topic in topics:
        points = trend(one for one in LABELLED if one.topic == topic)
        series.append(Series(topic, mood(points), points))
    for shown, per_topic in ((series[:2], 2), (series, 1)):
        drawn = chart(shown, colours(topics))
        assert len(drawn.options["series"]) == len(drawn.meaning) == per_topic * len(shown)
        for line, (topic, points) in zip(drawn.options["series"], drawn.meaning, strict=True):
            values = [item["value"] if isinstance(item, dict) else item for item in line["data"]]
            assert [value[0] for value in values] == [point.start.isoformat() for point in points]
            assert all(abs(value[1]) <= drawn.options["yAxis"]["max"] for value in values)
            assert topic in topics
