"""Two versions on the same rows: by how much one is better, and whether chance would explain it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from verticals.contract import Extent, TaskHead
from verticals.encoder import Encoder
from verticals.encoder.heads import Head

from .evaluation import Answers, answer
from .resampling import RESAMPLES, draws_of, interval

SIGNIFICANT = 0.05
_SHARE_RIGHT = "accuracy"  # the figure that is the share of right answers, which McNemar's test is about


class Resident(Protocol):
    """A version in memory."""

    @property
    def head(self) -> Head:
        """Its head."""

    @property
    def encoder(self) -> Encoder:
        """What the head stands on."""

    @property
    def slot(self) -> int:
        """Of its adapter in the encoder's bank."""

    @property
    def extent(self) -> Extent:
        """How much of a text is read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both versions.

    Args:
        first, second: its values.
        difference: second less first.
        interval: of the difference, 95 %, from the paired bootstrap; `None` where there is none.
        p: how often a difference as far from zero comes about by chance, two-sided, from the same draws.
    """

    first: float
    second: float
    difference: float
    interval: tuple[float, float] | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that one version answers rightly and the other does not.

    Args:
        number: of the row in its data set version, from 1; `None` where a ``prepare`` function made it.
        inputs, target: as the data has them.
        first, second: what each version says.
    """

    number: int | None
    inputs: Mapping[str, Any]
    target: Any
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """A second version against a first one, on the same rows.

    Args:
        first, second: the versions, as ``v3``.
        split, rows: what they were measured on.
        metric: the figure they are compared by; higher is better.
        figures: every figure of both.
        verdict: ``better``, ``worse`` or ``alike`` (not distinguishable): of the second version.
        p: that the verdict rests on: of McNemar's exact test where the metric is the accuracy, else of the bootstrap.
        test: the name of that test.
        gained, lost: rows that only the second, or only the first, answers rightly.
        changed: those rows, the lost ones first; empty where answers are neither right nor wrong.
        sentence: all that in plain words.
        seconds: wall time.
    """

    first: str
    second: str
    split: str
    rows: int
    metric: str
    figures: Mapping[str, Difference]
    verdict: str
    p: float | None
    test: str
    gained: int | None
    lost: int | None
    changed: tuple[ChangedRow, ...]
    sentence: str
    seconds: float = 0.0


def compare(
    first: Resident,
    second: Resident,
    names: tuple[str, str],
    noun: TaskHead,
    examples: Sequence[Mapping[str, Any]],
    split: str,
    *,
    numbers: Sequence[int | None] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Measure two loaded versions on the same rows.

    Figures are compared by the paired bootstrap: both versions on the same draws of rows (Efron and Tibshirani, 1993;
    for such comparisons Koehn, EMNLP 2004). Where the rows are few, or the versions differ on few of them, the exact
    test of McNemar (Psychometrika, 1947) on the rows that only one version answers rightly decides.

    Args:
        first, second, names: the versions and what they are called.
        noun: the head's declaration.
        examples: the rows to measure on.
        split: their name, for the record.
        numbers: the examples' row numbers in their data set version.
        resamples, seed: of the bootstrap.

    Raises:
        BadInput: there are no rows.
    """
    started = time.monotonic()
    both = [answer(one.head, one.encoder, one.slot, noun, examples, split, one.extent) for one in (first, second)]
    with torch.inference_mode():
        figures = _differences(both[0], both[1], resamples, seed)
    metric = both[0].objective.metric
    right = [one.outcomes.right for one in both if one.outcomes is not None and one.outcomes.right is not None]
    gained = lost = None
    changed: tuple[ChangedRow, ...] = ()
    p, test = figures[metric].p, "paired bootstrap"
    if len(right) == 2:
        better, worse = right[1] & ~right[0], right[0] & ~right[1]
        gained, lost = int(better.sum()), int(worse.sum())
        changed = tuple(_changed(both, noun, examples, numbers, [*_places(worse), *_places(better)]))
        if metric == _SHARE_RIGHT:
            p, test = mcnemar(gained, lost), "McNemar's exact test"
    verdict = "alike"
    if p is not None and p < SIGNIFICANT:
        verdict = "better" if figures[metric].difference > 0 else "worse"
    sentence = _sentence(names, metric, figures[metric], verdict, p, test, len(examples), gained, lost)
    return Comparison(
        *names, split, len(examples), metric, figures, verdict, p, test, gained, lost, changed, sentence,
        time.monotonic() - started,
    )  # fmt: skip


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p-value that rows change sides with even chances: McNemar's test by the binomial distribution.

    Args:
        gained, lost: rows that only the one, or only the other, has right.
    """
    changed = gained + lost
    if not changed:
        return 1.0
    whole = math.lgamma(changed + 1) - changed * math.log(2)
    tail = sum(
        math.exp(whole - math.lgamma(count + 1) - math.lgamma(changed - count + 1))
        for count in range(min(gained, lost) + 1)
    )
    return min(1.0, 2 * tail)


def _differences(first: Answers, second: Answers, resamples: int, seed: int) -> dict[str, Difference]:
    draws = [
        draws_of(one.objective, one.head, one.features, one.targets, one.outcomes, resamples, seed)
        if len(one.targets) > 1
        else {}
        for one in (first, second)
    ]
    mine, theirs = first.metrics(), second.metrics()
    found = {}
    for name in mine.keys() & theirs.keys():
        ends, p = None, None
        if name in draws[0] and name in draws[1]:
            values = draws[1][name] - draws[0][name]
            ends = interval(values)
            finite = values[values.isfinite()]
            side = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
            p = min(1.0, 2 * (side + 1) / (len(finite) + 1))
        found[name] = Difference(mine[name], theirs[name], theirs[name] - mine[name], ends, p)
    return {name: found[name] for name in mine if name in found}


def _places(which: torch.Tensor) -> list[int]:
    places: list[int] = which.nonzero()[:, 0].tolist()
    return places


def _changed(
    both: Sequence[Answers],
    noun: TaskHead,
    examples: Sequence[Mapping[str, Any]],
    numbers: Sequence[int | None] | None,
    places: Sequence[int],
) -> list[ChangedRow]:
    said = [one.outcomes.said if one.outcomes is not None else () for one in both]
    return [
        ChangedRow(
            numbers[at] if numbers else None, {name: examples[at].get(name) for name in noun.inputs},
            examples[at][noun.target], said[0][at], said[1][at],
        )
        for at in places
    ]  # fmt: skip


def _sentence(
    names: tuple[str, str],
    metric: str,
    found: Difference,
    verdict: str,
    p: float | None,
    test: str,
    rows: int,
    gained: int | None,
    lost: int | None,
) -> str:
    old, new = names
    points = max(abs(found.first), abs(found.second)) <= 1
    size = f"{abs(found.difference) * 100:.1f} points" if points else f"{abs(found.difference):.4g}"
    if found.difference == 0:
        text = f"{new} and {old} reach the same {metric} on these {rows:,} rows"
    else:
        text = f"{new} is {'better' if found.difference > 0 else 'worse'} than {old} by {size} of {metric}"
    if found.interval is not None:
        low, high = (f"{end * 100:+.1f}" if points else f"{end:+.4g}" for end in found.interval)
        text += f" (95 % interval {low} to {high})"
    if gained is not None and lost is not None:
        text += f"; it gets {gained:,} of {rows:,} rows right that {old} gets wrong, and {lost:,} the other way round"
    if p is None:
        return f"{text}. There is no test for it."
    chance = f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
    judged = "not distinguishable from chance" if verdict == "alike" else "more than chance would explain"
    return f"{text}: {judged} ({test}, {chance})."
