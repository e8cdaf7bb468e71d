"""The same figure group by group: whom a head serves worse than others."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, suggest
from verticals.tuning.outcomes import Outcomes
from verticals.tuning.resampling import interval, resampled

from .record import Group, Slice

LENGTH = "length"
LEAST = 10
NOTHING = "(empty)"
_VALUES = 8  # more different numbers than this are grouped by quartiles
_GROUPS = 100
_SHUFFLES = 500
Figure = Callable[[torch.Tensor], float]


def group_names(rows: Sequence[Mapping[str, Any]], column: str, inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The group of each row, and all groups in order.

    Numbers of more than 8 different values are grouped by quartiles; so are the characters of the inputs, which the
    column ``length`` stands for where the rows have none of that name. Rows without a value are a group of their own.

    Raises:
        BadInput: no such column (the nearest is suggested), or one of too many values.
    """
    known = {name for row in rows for name in row}
    if column in known:
        values = [row.get(column) for row in rows]
    elif column == LENGTH:
        values = [sum(len(str(row[name])) for name in inputs if name in row) for row in rows]
    else:
        raise BadInput(f"The rows have no column {column!r} to slice by.", suggest(column, known | {LENGTH}))
    values = [None if _is_missing(value) else value for value in values]
    given = [value for value in values if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    if numbers and len(set(given)) > _VALUES:
        return _quartiles(values)
    names = [NOTHING if value is None else _name(value) for value in values]
    counts = Counter(names)
    if len(counts) > _GROUPS:
        raise BadInput(
            f"The column {column!r} has {len(counts)} different values in these rows; {_GROUPS} can be compared.",
            "Slice by a column of fewer values, such as a kind, a channel or a language.",
        )
    return names, sorted(counts, key=lambda name: (name == NOTHING, -counts[name], name))


def slice_by(
    column: str,
    metric: str,
    names: Sequence[str],
    order: Sequence[str],
    outcomes: Outcomes | None,
    figure: Figure,
    least: int = LEAST,
    resamples: int = 1000,
    seed: int = 0,
) -> Slice:
    """The metric of every group, and the gap between the best and the worst.

    How often chance alone makes such a gap is measured by a permutation test: rows are dealt to groups of the same
    sizes at random (Fisher, The Design of Experiments, 1935). Without it a gap between many small groups says
    little, for the best and the worst of them are the luckiest and the unluckiest.

    Args:
        names, order: as `group_names` gives them.
        outcomes: of the rows; without them, or without figures that are functions of sums, there are neither
            intervals nor a test.
        figure: the metric on the rows at the given places, as a number.
        least: rows that a group needs to count in the gap.
    """
    places = {name: torch.tensor([at for at, own in enumerate(names) if own == name]) for name in order}
    fast = outcomes is not None and outcomes.figures is not None
    groups = []
    for name in order:
        which, ends = places[name], None
        if fast and outcomes is not None and outcomes.figures is not None and len(which) > 1:
            own = {key: values[which] for key, values in outcomes.statistics.items()}
            ends = interval(outcomes.figures(resampled(own, resamples, seed))[metric])
        value = figure(which)
        finite = math.isfinite(value)
        counts = finite and len(which) >= least and name != NOTHING
        groups.append(Group(name, len(which), value if finite else None, ends, counts))
    counted = [(group.figure, group.name) for group in groups if group.counts and group.figure is not None]
    if len(counted) < 2:
        return Slice(column, metric, tuple(groups), least)
    (high, best), (low, worst) = max(counted, key=lambda one: one[0]), min(counted, key=lambda one: one[0])
    chance = None
    if fast and outcomes is not None:
        chance = _by_chance(outcomes, metric, [len(places[name]) for _, name in counted],
                            torch.cat([places[name] for _, name in counted]), high - low, seed)  # fmt: skip
    return Slice(column, metric, tuple(groups), least, high - low, best, worst, chance)


def _by_chance(
    outcomes: Outcomes, metric: str, sizes: Sequence[int], rows: torch.Tensor, gap: float, seed: int
) -> float:
    """Share of random groupings with a gap at least as large; the one that was found counts as one of them."""
    assert outcomes.figures is not None  # noqa: S101  # the caller has looked
    widths = {name: values.shape[1] for name, values in outcomes.statistics.items()}
    joined = torch.cat([values[rows].float() for values in outcomes.statistics.values()], dim=1)
    ends = np.cumsum([0, *sizes])
    generator = torch.Generator().manual_seed(seed)
    as_large = 0
    for _ in range(_SHUFFLES):
        dealt = joined[torch.randperm(len(rows), generator=generator)]
        sums = torch.stack([dealt[start:end].sum(dim=0) for start, end in itertools.pairwise(ends)])
        figures = outcomes.figures(dict(zip(widths, sums.split(list(widths.values()), dim=1), strict=True)))[metric]
        as_large += float(figures.max() - figures.min()) >= gap - 1e-6
    return (as_large + 1) / (_SHUFFLES + 1)


def _quartiles(values: Sequence[Any]) -> tuple[list[str], list[str]]:
    numbers = np.array([value for value in values if value is not None], dtype=float)
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75]))
    places = np.searchsorted(edges, numbers, side="left")
    ranges = {}
    for place in np.unique(places):
        members = numbers[places == place]
        ranges[int(place)] = f"{members.min():g} to {members.max():g}"
    found = iter(places.tolist())
    names = [NOTHING if value is None else ranges[next(found)] for value in values]
    order = [ranges[place] for place in sorted(ranges)]
    return names, [*order, NOTHING] if NOTHING in names else order


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _name(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
