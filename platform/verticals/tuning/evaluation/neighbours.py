"""Training rows that resemble a wrong one: what may have taught the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from verticals.contract import TaskHead

from .record import Neighbour

_AT_ONCE = 1024


def nearest_rows(
    vectors: torch.Tensor,
    known: torch.Tensor,
    wrong: Sequence[int],
    train: Sequence[Mapping[str, Any]],
    numbers: Sequence[int | None] | None,
    noun: TaskHead,
    count: int,
) -> list[tuple[Neighbour, ...]]:
    """For each row at ``wrong`` the ``count`` training rows of the largest cosine, the nearest first.

    Args:
        vectors, known: one vector per measured row and per training row, [rows, dimension].
        train, numbers: the training rows, and their numbers in their data set version.
        noun: whose inputs and target are shown.
    """
    mine, theirs = functional.normalize(vectors[list(wrong)], dim=-1), functional.normalize(known, dim=-1)
    found: list[tuple[Neighbour, ...]] = []
    for part in mine.split(_AT_ONCE):
        likeness, places = (part @ theirs.T).topk(min(count, len(theirs)), dim=1)
        for values, near in zip(likeness.tolist(), places.tolist(), strict=True):
            found.append(
                tuple(
                    Neighbour(
                        numbers[at] if numbers else None, {name: train[at].get(name) for name in noun.inputs},
                        train[at][noun.target], max(-1.0, min(1.0, value)),
                    )
                    for at, value in zip(near, values, strict=True)
                )
            )  # fmt: skip
    return found
