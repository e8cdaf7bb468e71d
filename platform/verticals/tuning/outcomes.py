"""What a head says of rows whose truth is known, in the terms that every objective shares.

An objective gives an `Outcomes`; intervals, tables, slices, comparisons, lists of errors and suspected labels are all
made of it, so none of them needs to know the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Sums = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One entry per row, in order. What an objective cannot tell stays `None` or empty.

    Args:
        said: what the head answers, in the data's terms: a label, a number, a list of either.
        loss: how wrong the answer is, [rows]; higher is worse.
        right: whether it is right, bool [rows]; `None` where an answer is more or less near, never right or wrong.
        known: whether the head could know the truth at all (its label occurred in training), bool [rows].
        confidence: probability that the head gives its own answer, [rows].
        probabilities: of every label, [rows, labels].
        labels: their names.
        places: the true and the answered label's place, int64 [rows] each, where a row has exactly one of each.
        statistics: by name, per-row values [rows, k] of which figures are made by summing them first. A labelled
            objective names three of them ``hits``, ``said`` and ``actual`` (k is the number of labels, or of kinds of
            entity): the table of labels is made of their sums.
        figures: the objective's figures from such sums [..., k], each [...]; those among them that are no function of
            sums, or that resampling would bias, are left out. `None`: there is no such function, and figures are
            measured anew for each set of rows.
    """

    said: Sequence[Any]
    loss: torch.Tensor
    right: torch.Tensor | None = None
    known: torch.Tensor | None = None
    confidence: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None
    labels: tuple[str, ...] = ()
    places: tuple[torch.Tensor, torch.Tensor] | None = None
    statistics: Mapping[str, torch.Tensor] = field(default_factory=dict)
    figures: Callable[[Sums], dict[str, torch.Tensor]] | None = None

    def sums(self, which: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """The statistics summed over all rows, or over the rows at ``which``, each [k]."""
        return {
            name: (values if which is None else values[which]).sum(dim=0) for name, values in self.statistics.items()
        }


def macro_f1_of(hits: torch.Tensor, said: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
    """Mean F1 over the labels that occur or are answered, from counts [..., labels]; [...]."""
    occurs = (said + actual) > 0
    f1 = 2 * hits / (said + actual).clamp_min(1)
    return (f1 * occurs).sum(dim=-1) / occurs.sum(dim=-1).clamp_min(1)
