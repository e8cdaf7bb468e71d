"""Bootstrap: how much a figure would vary with other rows of the same kind.

Rows are drawn with replacement as often as there are rows; a figure's interval is between two quantiles of its values
on many such draws (the percentile method: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
It says how far chance in the choice of rows reaches, not what another seed of training would change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .objectives import Objective
from .outcomes import Outcomes

RESAMPLES = 1000
LEVEL = 0.95
_ENTRIES = 4_000_000  # of the matrix of counts that is in memory at once
Interval = tuple[float, float]


def resampled(
    statistics: Mapping[str, torch.Tensor], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Sums of per-row statistics over draws with replacement.

    The draws depend on the number of rows, ``resamples`` and ``seed`` alone, so two heads that are measured on the
    same rows are resampled alike.

    Args:
        statistics: by name [rows, k].

    Returns:
        By name [resamples, k].
    """
    names = list(statistics)
    widths = [statistics[name].shape[1] for name in names]
    joined = torch.cat([statistics[name].float() for name in names], dim=1)
    rows = len(joined)
    generator = torch.Generator().manual_seed(seed)
    parts = []
    step = max(1, _ENTRIES // rows)
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        drawn = torch.randint(rows, (draws, rows), generator=generator)
        drawn += torch.arange(draws)[:, None] * rows
        counts = torch.bincount(drawn.view(-1), minlength=draws * rows).view(draws, rows)
        parts.append(counts.float() @ joined)
    return dict(zip(names, torch.cat(parts).split(widths, dim=1), strict=True))


def draws_of(
    objective: Objective,
    head: Any,
    features: Any,
    targets: torch.Tensor,
    outcomes: Outcomes | None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, torch.Tensor]:
    """Each figure's values on draws of the rows, [resamples]; fast where the figures are functions of sums."""
    if outcomes is not None and outcomes.figures is not None:
        return outcomes.figures(resampled(outcomes.statistics, resamples, seed))
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, list[float]] = {}
    for _ in range(resamples):
        which = torch.randint(len(targets), (len(targets),), generator=generator)
        for name, value in objective.metrics(head, rows_of(features, which), targets[which]).items():
            found.setdefault(name, []).append(value)
    return {name: torch.tensor(values) for name, values in found.items()}


def rows_of(features: Any, which: torch.Tensor) -> Any:
    """The features of the rows at ``which``, whatever holds them: a tensor, or a list with one entry per row."""
    return features[which] if isinstance(features, torch.Tensor) else [features[at] for at in which.tolist()]


def interval(values: torch.Tensor, level: float = LEVEL) -> Interval | None:
    """Between which two values the middle share ``level`` of the draws lies; `None` where no draw gave a number."""
    finite = values[values.isfinite()].double()
    if not len(finite):
        return None
    low, high = torch.quantile(finite, torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.double)).tolist()
    return low, high


def intervals(draws: Mapping[str, torch.Tensor], level: float = LEVEL) -> dict[str, Interval]:
    """The interval of each figure that has one."""
    found = {name: interval(values, level) for name, values in draws.items()}
    return {name: ends for name, ends in found.items() if ends is not None}
