"""One ranking from several."""

from hypothesis import given
from hypothesis import strategies as st

from verticals.retrieval.fusion import reciprocal_rank_fusion, weighted_mean


def test_what_two_rankings_agree_on_comes_first():
    assert reciprocal_rank_fusion([[1, 2, 3], [4, 2, 5]]) == [
        (2, 2 / 62), (1, 1 / 61), (4, 1 / 61), (3, 1 / 63), (5, 1 / 63),
    ]  # fmt: skip


@given(st.lists(st.lists(st.integers(0, 20), unique=True)))
def test_every_item_comes_once_and_scores_fall(rankings):
    fused = reciprocal_rank_fusion(rankings)
    assert {item for item, _ in fused} == {item for ranking in rankings for item in ranking}
    assert len({item for item, _ in fused}) == len(fused)
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@given(st.lists(st.integers(), unique=True))
def test_one_ranking_keeps_its_order(ranking):
    assert [item for item, _ in reciprocal_rank_fusion([ranking, []])] == ranking


def test_two_judges_are_brought_to_one_scale_and_weighed():
    first, second = [10.0, 30.0, 20.0], [0.9, 0.1, 0.8]
    assert weighted_mean(first, second, 1.0) == [1, 2, 0]
    assert weighted_mean(first, second, 0.0) == [0, 2, 1]
    assert weighted_mean(first, second, 0.5) == [2, 0, 1]
    assert weighted_mean([5.0, 5.0], [0.1, 0.2], 0.9) == [1, 0], "who tells none apart leaves it to the other"
    assert weighted_mean([], [], 0.5) == []
