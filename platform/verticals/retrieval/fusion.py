"""One ranking from several."""

from __future__ import annotations

from collections.abc import Sequence

# The constant of the paper; it decides how much the very first places count against the next ones.
_CONSTANT = 60


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Items of all ``rankings`` as ``(item, score)``, best first; equal scores in order of the item.

    An item scores ``1 / (60 + rank)`` for each ranking it is in, with ranks from 1. Source: Cormack, Clarke and
    Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (_CONSTANT + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
