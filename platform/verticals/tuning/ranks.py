"""How high the right ones stand: figures of ranking and retrieval."""

from __future__ import annotations

from collections.abc import Callable

import torch

_BLOCK = 1024  # queries whose scores are held at once


def ranks_of(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Rank of the right candidate of each query, from 1, [queries].

    Of candidates with equal scores the right one has the middle rank, so telling none apart gains nothing.

    Args:
        scores: [queries, candidates]; minus infinity for one that does not count.
        right: its place, [queries].
    """
    own = scores.gather(1, right[:, None])
    return (scores > own).sum(dim=1) + ((scores == own).sum(dim=1) + 1.0) / 2


def ranks_in_blocks(scores: Callable[[slice], torch.Tensor], right: torch.Tensor) -> torch.Tensor:
    """The same of many queries, whose scores are asked for a block at a time."""
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(right), _BLOCK)]
    return torch.cat([ranks_of(scores(block), right[block]) for block in blocks])


def ndcg(ranks: torch.Tensor, depth: int = 10) -> float:
    """Normalised discounted cumulative gain at ``depth``, where each query has one right candidate."""
    return float(((ranks <= depth) / torch.log2(ranks + 1)).mean())


def reciprocal(ranks: torch.Tensor) -> float:
    """Mean reciprocal rank."""
    return float((1 / ranks).mean())


def share_within(ranks: torch.Tensor, depth: int) -> float:
    """Share of the queries whose right candidate is among the first ``depth``."""
    return float((ranks <= depth).float().mean())


def first_of_each(targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The first place of each distinct target, and for every place the place of its target among them."""
    values, places = targets.unique(return_inverse=True)
    first = torch.full((len(values),), len(targets), dtype=torch.long)
    first.scatter_reduce_(0, places, torch.arange(len(targets)), reduce="amin")
    return first, places
