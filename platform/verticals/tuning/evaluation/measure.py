"""From a loaded version and rows to an `Evaluation`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, Extent, TaskHead
from verticals.encoder import Encoder
from verticals.encoder.heads import Head
from verticals.tuning.objectives import Objective, objective_of
from verticals.tuning.outcomes import Outcomes
from verticals.tuning.resampling import RESAMPLES, draws_of, intervals, rows_of

from . import tables
from .neighbours import nearest_rows
from .record import ErrorRow, Evaluation
from .slices import LEAST, group_names, slice_by

Example = Mapping[str, Any]
_AT_ONCE = 4096
_FARTHEST = 10  # one in so many rows is listed as an error where answers are numbers


@dataclass(frozen=True, slots=True)
class Answers:
    """What a version says of rows, ready to be measured.

    Args:
        objective: that has adopted the head.
        head: of the version.
        features, targets: of the rows.
        outcomes: row by row; `None` where the objective measures only whole splits.
    """

    objective: Objective
    head: Head
    features: Any
    targets: torch.Tensor
    outcomes: Outcomes | None

    def metrics(self, which: torch.Tensor | None = None) -> dict[str, float]:
        """The figures on all rows, or on those at ``which``."""
        features, targets = self.features, self.targets
        if which is not None:
            features, targets = rows_of(features, which), targets[which]
        with torch.inference_mode():
            return self.objective.metrics(self.head, features, targets)

    def figure(self, which: torch.Tensor) -> float:
        """The figure that versions are compared by, on the rows at ``which``."""
        outcomes, metric = self.outcomes, self.objective.metric
        if outcomes is not None and outcomes.figures is not None:
            return float(outcomes.figures(outcomes.sums(which))[metric])
        return self.metrics(which)[metric]


def answer(
    head: Head, encoder: Encoder, slot: int, noun: TaskHead, examples: Sequence[Example], split: str, extent: Extent
) -> Answers:
    """Ask a loaded version about rows; see `evaluate` for the arguments.

    Raises:
        BadInput: there are no rows.
    """
    if not examples:
        raise BadInput(f"There are no rows in the split {split!r}.", "Choose another split, or import some rows.")
    objective = objective_of(noun.objective)(noun.inputs, noun.target)
    objective.adopt(head)
    prepared = objective.prepare(examples, split, encoder, extent)
    with torch.inference_mode():
        features = prepared.encode(encoder, slot=slot)
        outcomes = objective.outcomes(head, features, prepared.targets)
    return Answers(objective, head, features, prepared.targets, outcomes)


def evaluate(
    head: Head,
    encoder: Encoder,
    slot: int,
    version: str,
    noun: TaskHead,
    examples: Sequence[Example],
    split: str,
    extent: Extent,
    *,
    rows: Sequence[Example] | None = None,
    numbers: Sequence[int | None] | None = None,
    slices: Sequence[str] = (),
    least: int = LEAST,
    train: Sequence[Example] = (),
    train_numbers: Sequence[int | None] | None = None,
    nearest: int = 3,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure a loaded version.

    Args:
        head, encoder, slot, version: the version, loaded.
        noun: the head's declaration: its objective, fields and target.
        examples: the rows to measure on.
        split: their name, for the record.
        extent: how much of a text is read, as in training.
        rows: all columns of the examples, in the same order, for slices; the examples themselves by default.
        numbers: the examples' row numbers in their data set version.
        slices: columns to measure group by group.
        least: rows that a group needs to count in the gap.
        train, train_numbers: rows it learned from; each error is shown with the ``nearest`` of them. None by default.
        resamples, seed: of the bootstrap.

    Raises:
        BadInput: there are no rows, or no such column.
    """
    started = time.monotonic()
    groups = {column: group_names(rows or examples, column, noun.inputs) for column in dict.fromkeys(slices)}
    answers = answer(head, encoder, slot, noun, examples, split, extent)
    outcomes, objective = answers.outcomes, answers.objective
    with torch.inference_mode():
        metrics = answers.metrics()
        found = summary(answers, resamples, seed)
        sliced = tuple(
            slice_by(column, objective.metric, *groups[column], outcomes, answers.figure, least, resamples, seed)
            for column in groups
        )
        wrong = wrong_rows(outcomes)
        neighbours: Sequence[Any] = [()] * len(wrong)
        if train and wrong and nearest and (mine := objective.vectors(answers.features)) is not None:
            known = objective.prepare(train, "train", encoder, extent)
            # In parts, for the features of rows that are read word by word are many times larger than their vectors.
            parts = np.array_split(np.arange(len(known)), -(-len(known) // _AT_ONCE))
            each = (objective.vectors(known.part(which).encode(encoder, slot=slot)) for which in parts)
            theirs = torch.cat([vectors for vectors in each if vectors is not None])
            neighbours = nearest_rows(mine, theirs, wrong, train, train_numbers, noun, nearest)
    errors: tuple[ErrorRow, ...] = ()
    if outcomes is not None:
        confidence = outcomes.confidence
        errors = tuple(
            ErrorRow(
                numbers[at] if numbers else None, {name: examples[at].get(name) for name in noun.inputs},
                examples[at][noun.target], outcomes.said[at], None if confidence is None else float(confidence[at]),
                float(outcomes.loss[at]), tuple(near),
            )
            for at, near in zip(wrong, neighbours, strict=True)
        )  # fmt: skip
    return Evaluation(
        version, split, len(examples), objective.metric, metrics, **found, slices=sliced, errors=errors,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def summary(answers: Answers, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """The parts of an `Evaluation` that need the answers alone: intervals, tables of labels, calibration."""
    outcomes = answers.outcomes
    rows = len(answers.targets)
    # Packed rows, as language models read them, cannot be drawn one by one.
    draws = draws_of(
        answers.objective, answers.head, answers.features, answers.targets, outcomes, resamples, seed
    ) if rows > 1 and len(answers.features) == rows else {}  # fmt: skip
    found: dict[str, Any] = {"intervals": intervals(draws), "resamples": resamples, "seed": seed}
    if outcomes is not None:
        matrix = tables.confusion_matrix(outcomes)
        bins, error = tables.calibration(outcomes)
        found |= {
            "per_label": tables.by_label(outcomes), "matrix": matrix, "calibration": bins, "calibration_error": error,
            "confusions": tables.confusions(outcomes.labels, matrix),
        }  # fmt: skip
    return found


def wrong_rows(outcomes: Outcomes | None) -> list[int]:
    """Places of the wrong rows, the worst first; where answers are numbers, of the tenth that is farthest off."""
    if outcomes is None:
        return []
    order: list[int] = torch.argsort(outcomes.loss, descending=True, stable=True).tolist()
    if outcomes.right is None:
        return order[: -(-len(order) // _FARTHEST)]
    right = outcomes.right.tolist()
    return [at for at in order if not right[at]]
