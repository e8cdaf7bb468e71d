"""A penalty on the gap between groups of rows, for training that serves all of them alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from verticals.contract import BadInput, suggest

KINDS = ("variance", "worst")


def gap_penalty(
    losses: torch.Tensor, groups: torch.Tensor, kind: str = "variance", count: int | None = None
) -> torch.Tensor:
    """How unevenly the losses of a batch lie over its groups; add it, weighted, to the mean loss.

    Groups that the batch has no row of do not count; with fewer than two that do, the penalty is 0. Gradients flow
    in any case.

    Args:
        losses: of each row, [rows].
        groups: number of each row's group, int64 [rows]; negative for a row without one.
        kind: ``variance`` of the groups' mean losses (risk extrapolation: Krueger et al., 2021, arXiv:2003.00688),
            or ``worst``, by which the worst group's mean lies above the mean of all groups' (the worst group is what
            Sagawa et al., 2020, arXiv:1911.08731, minimise).
        count: how many groups there are in all the data; given, nothing waits for the device to say so.

    Returns:
        A scalar, 0 or more.

    Raises:
        BadInput: no such kind.
        ValueError: the two do not have the same shape [rows].
    """
    if kind not in KINDS:
        raise BadInput(f"There is no fairness penalty {kind!r}.", suggest(kind, KINDS))
    if losses.ndim != 1 or losses.shape != groups.shape:
        raise ValueError(f"losses {tuple(losses.shape)} and groups {tuple(groups.shape)} must both be [rows]")
    size = count if count is not None else int(groups.max()) + 1 if len(groups) else 0
    # Rows without a group are gathered in one more place, which is then left out.
    places = torch.where(groups < 0, size, groups)
    zeros = losses.new_zeros(size + 1)
    rows = zeros.index_add(0, places, torch.ones_like(losses))[:size]
    means = zeros.index_add(0, places, losses)[:size] / rows.clamp_min(1)
    present = rows > 0
    number = present.sum().clamp_min(1)
    middle = (means * present).sum() / number
    if kind == "variance":
        return ((means - middle).square() * present).sum() / number
    worst = means.masked_fill(~present, -math.inf).amax() if size else middle
    return torch.where(present.any(), worst - middle, torch.zeros_like(middle)) if size else middle


def group_numbers(values: Sequence[Any]) -> tuple[torch.Tensor, tuple[str, ...]]:
    """A number for each row's group, int64 [rows], and the groups' names in the order of their numbers.

    Rows without a value (`None`, an empty text, NaN) have the number -1.
    """
    named = [
        None if value is None or value == "" or (isinstance(value, float) and math.isnan(value)) else str(value)
        for value in values
    ]
    names = tuple(sorted({name for name in named if name is not None}))
    places = {name: place for place, name in enumerate(names)}
    return torch.tensor([-1 if name is None else places[name] for name in named], dtype=torch.int64), names
