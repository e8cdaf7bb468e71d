"""What an evaluation consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The rows whose confidence lies between two values.

    Args:
        low, high: those values.
        rows: how many.
        confidence: their mean confidence.
        accuracy: the share of right answers among them.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that share a value of a column.

    Args:
        name: the value, or the range of values.
        rows: how many.
        figure: of the metric on them; `None` where it cannot be computed.
        interval: of that figure, 95 %.
        counts: whether it is large enough to count in the gap.
    """

    name: str
    rows: int
    figure: float | None
    interval: tuple[float, float] | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """One figure, group by group.

    Args:
        column: that the rows are grouped by; ``length`` for the characters of the inputs.
        metric: the figure.
        groups: in the order of their values where these are ranges, else the largest first.
        least: rows that a group needs to count in the gap.
        gap: the figure of the best group less that of the worst; `None` with fewer than two groups that count.
        best, worst: names of these groups.
        chance: how often a gap as large comes about when the same rows are grouped at random, 0 to 1.
    """

    column: str
    metric: str
    groups: tuple[Group, ...]
    least: int
    gap: float | None = None
    best: str = ""
    worst: str = ""
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training row near a wrong one.

    Args:
        number: of the row in its data set version, from 1; `None` where a ``prepare`` function made it.
        inputs, target: as the data has them.
        similarity: cosine of the encoder's features, through the version's own adapter, -1 to 1.
    """

    number: int | None
    inputs: Mapping[str, Any]
    target: Any
    similarity: float


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A row that was answered wrongly or, where answers are numbers, one of those farthest off.

    Args:
        number: of the row in its data set version, from 1; `None` where a ``prepare`` function made it.
        inputs, target: as the data has them.
        said: what the head answers.
        confidence: the probability it gives that; `None` where it gives none.
        loss: how wrong that is; the list is in this order, the worst first.
        nearest: training rows most like it, the nearest first.
    """

    number: int | None
    inputs: Mapping[str, Any]
    target: Any
    said: Any
    confidence: float | None
    loss: float
    nearest: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one version on one split.

    Args:
        version: the version measured, as ``v3``.
        split: the rows' split.
        rows: how many rows.
        metric: the name of the figure that versions are compared by.
        metrics: all figures by name.
        intervals: of each figure that has one, from the bootstrap over the rows, 95 %.
        resamples, seed: of that bootstrap.
        per_label: ``(label, precision, recall, f1, support)``, in label order; empty for heads without labels.
        confusions: ``(true label, said label, count)`` of the errors, most frequent first.
        matrix: rows by true label and, within, by answered label, in the order of ``per_label``.
        calibration: confidence against accuracy in bins; empty bins are left out.
        calibration_error: mean distance between the two, by rows (expected calibration error).
        slices: figures by group, as they were asked for.
        errors: the wrong rows, the worst first.
        seconds: wall time.
    """

    version: str
    split: str
    rows: int
    metric: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    resamples: int = 0
    seed: int = 0
    per_label: tuple[tuple[str, float, float, float, int], ...] = ()
    confusions: tuple[tuple[str, str, int], ...] = ()
    matrix: tuple[tuple[int, ...], ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    calibration_error: float | None = None
    slices: tuple[Slice, ...] = ()
    errors: tuple[ErrorRow, ...] = ()
    seconds: float = 0.0
