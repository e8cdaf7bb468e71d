"""One ranking from several, and one of which the members differ from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from verticals.contract import Weights

from .truth import Vectors

# The constant of the paper; it decides how much the very first places count against the next ones.
_CONSTANT = 60


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None
) -> list[tuple[int, float]]:
    """Items of all ``rankings`` as ``(item, score)``, best first; equal scores in order of the item.

    An item scores ``weight / (60 + rank)`` for each ranking it is in, with ranks from 1. Source: Cormack, Clarke and
    Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.

    Args:
        rankings: each the items of one ranking, best first.
        weights: how much each counts, 0 for not at all; all alike by default.
    """
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking if weight else (), start=1):
            scores[item] = scores.get(item, 0.0) + weight / (_CONSTANT + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def convex_combination(
    similarities: Mapping[int, float], words: Mapping[int, float], weights: Weights
) -> list[tuple[int, float]]:
    """Items of two rankings as ``(item, score)``, best first; equal scores in order of the item.

    An item scores the weighted mean of its cosine and its BM25, as a share of the best item's. Unlike places in a
    ranking these tell how far the best is ahead: where an encoder does not know a language all its cosines are alike,
    and the words decide. Source: Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval",
    ACM Transactions on Information Systems, 2023.

    Args:
        similarities: cosine of each item.
        words: BM25 of each item; 0 where it is not there.
        weights: how much each counts.
    """
    highest = max(words.values(), default=0.0) or 1.0
    total = sum(weights)
    scores = {
        item: (weights[0] * similarities.get(item, 0.0) + weights[1] * words.get(item, 0.0) / highest) / total
        for item in {**similarities, **words}
    }
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def weighted_mean(first: Sequence[float], second: Sequence[float], weight: float) -> list[int]:
    """Places of items, best first, by the mean of two judges' scores; of equals the earlier.

    Each judge's scores are scaled to 0 to 1 first, so that they may be of any range.

    Args:
        first, second: the scores of each item, higher is better.
        weight: how much the first judge counts, 0 to 1; the second counts the rest.
    """
    mean = [weight * one + (1 - weight) * other for one, other in zip(_scaled(first), _scaled(second), strict=True)]
    return sorted(range(len(mean)), key=lambda place: -mean[place])


def _scaled(scores: Sequence[float]) -> Sequence[float]:
    lowest, highest = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - lowest) / (highest - lowest) if highest > lowest else 1.0 for score in scores]


def maximal_marginal_relevance(relevance: Sequence[float], vectors: Vectors, diversity: float, count: int) -> list[int]:
    """Places of ``count`` items, in the order in which each is relevant and unlike those before it.

    Source: Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998. The relevance is scaled to
    0 to 1 first, so that it may come from any ranking.

    Args:
        relevance: of each item, higher is better.
        vectors: of each item, [items, dimension], of length 1.
        diversity: how much being unlike counts, 0 to 1; 0 keeps the order of relevance.
        count: how many to choose, at most.
    """
    scores = np.asarray(relevance, np.float64)
    span = float(np.ptp(scores)) if len(scores) else 0.0
    scaled = (scores - scores.min()) / span if span else np.ones(len(scores))
    nearest = np.zeros(len(scores))
    left = np.ones(len(scores), bool)
    chosen: list[int] = []
    while len(chosen) < min(count, len(scores)):
        value = np.where(left, (1 - diversity) * scaled - diversity * nearest, -np.inf)
        best = int(value.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return chosen
