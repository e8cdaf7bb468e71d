"""Lists: variety, shares, popularity, reasons, and how they are measured."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals import Evidence, NotFound
from verticals_recommendation.data import Behaviour, Item
from verticals_recommendation.histories import Met
from verticals_recommendation.measure import figures
from verticals_recommendation.ranking import diversified, likeness, popularity, shares
from verticals_recommendation.reasons import evidence, popular_reason, reason

NOW = dt.datetime(2026, 6, 30, tzinfo=dt.UTC)


def item(name, *tags, category="c"):
    return Item(item_id=name, title=name.upper(), category=category, tags=list(tags))


def behaviour(user, name, days_ago):
    return Behaviour(user_id=user, item_id=name, action="view", at=NOW - dt.timedelta(days=days_ago))


def test_likeness_is_the_share_of_category_and_tags_in_common():
    assert likeness(item("a", "x", "y"), item("b", "x", "y")) == 1
    assert likeness(item("a", "x"), item("b", "y")) == pytest.approx(1 / 3)
    assert likeness(item("a", category=""), item("b", category="")) == 0


def test_variety_puts_a_different_item_before_one_that_is_nearly_the_same():
    ranked = [(item("a", "x", "y"), 0.9), (item("b", "x", "y"), 0.88), (item("c", "z", category="d"), 0.85)]
    ranked.append((item("d", "q", category="e"), 0.1))
    assert [one.item_id for one, _ in diversified(ranked, 3, 0.0)] == ["a", "b", "c"]
    assert [one.item_id for one, _ in diversified(ranked, 3, 0.3)] == ["a", "c", "b"]
    assert diversified([], 3, 0.3) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 25), st.floats(0, 1))
def test_variety_takes_each_item_once_and_always_begins_with_the_best(scores, k, diversity):
    ranked = [(item(f"i{at}", f"t{at % 3}"), score) for at, score in enumerate(sorted(scores, reverse=True))]
    taken = [one.item_id for one, _ in diversified(ranked, k, diversity)]
    assert len(taken) == len(set(taken)) == min(k, len(ranked))
    if diversity < 1:
        assert {one.item_id: score for one, score in ranked}[taken[0]] == ranked[0][1]


def test_shares_sum_to_one_also_when_nothing_speaks():
    assert shares([3, 1]) == [0.75, 0.25]
    assert shares([0, 0]) == [0.5, 0.5]


def test_popularity_counts_people_once_and_the_recent_more():
    rows = [behaviour("u", "old", 60), behaviour("v", "old", 60), behaviour("w", "new", 0), behaviour("w", "new", 9)]
    first, second = popularity(rows, half_life_days=30)
    assert (first.item_id, first.score, first.people) == ("new", 1.0, 1)
    assert (second.item_id, second.people) == ("old", 0)
    assert second.score == pytest.approx(2 * 0.25)
    assert popular_reason(first) == "Popular now: 1 person in the last 30 days"
    assert "nobody" in popular_reason(second)
    assert popularity([], 30) == []


def test_the_reason_names_what_speaks_loudest_and_what_was_done_with_it():
    items = {name: item(name) for name in "abc"}
    history = [Met("a", "view", NOW), Met("b", "finish", NOW), Met("c")]
    found = evidence(history, items, [0.1, 0.8, 0.1])
    assert [piece.id for piece in found] == ["b", "a", "c"]
    assert sum(piece.score for piece in found) == pytest.approx(1)
    assert found[0].source == "B, finished 30 Jun 2026"
    assert reason(found, history, items) == "Because you finished “B”"
    assert (
        reason(evidence(history, items, [0.5, 0.5, 0.1]), history, items) == "Because you viewed “A” and finished “B”"
    )
    picked = [Met("a"), Met("b")]
    assert reason(evidence(picked, items, [0.5, 0.5]), picked, items) == "Because you picked “A” and “B”"
    weak = reason(found, history, items, strongest=0.3)
    assert weak == "Fits the history as a whole; nearest is “B”, which you finished"
    assert all(isinstance(piece, Evidence) for piece in found)


def test_figures_are_those_of_the_definition():
    rankings = [["a", "b", "c"], ["a", "b", "c"], [*"abcdefghij", "k"], ["a"]]
    measured = figures("way", rankings, ["a", "c", "k", "missing"])
    assert measured.hit_rate == 0.5
    assert measured.ndcg == pytest.approx((1 + 1 / math.log2(4)) / 4)
    assert measured.users == 4
    assert measured.hit_rate_error == pytest.approx(math.sqrt(1 / 3) / 2)


def test_what_is_unknown_is_answered_with_the_nearest(catalogue):
    with pytest.raises(NotFound, match="Did you mean 'i-003'"):
        catalogue.get("I-003")
    with pytest.raises(NotFound, match="title of 'i-003'"):
        catalogue.get("the open crumb workshop")
    with pytest.raises(NotFound, match="GET /v1/recommendation/items"):
        catalogue.get("x" * 10_000)
    with pytest.raises(NotFound, match="Did you mean 'baking'"):
        catalogue.in_category("bakin")
    assert len(catalogue.in_category("baking")) == 20
