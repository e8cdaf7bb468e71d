"""Measuring a head on rows it has not learned from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from verticals.contract import BadInput, TaskHead
from verticals.encoder import Encoder
from verticals.encoder.heads import ClassifyHead, Head

from .objectives import Classify, objective_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one version on one split.

    Args:
        version: the version measured, as ``v3``.
        split: the rows' split.
        rows: how many rows.
        metric: the name of the figure that versions are compared by.
        metrics: all figures by name.
        per_label: ``(label, precision, recall, f1, support)``, in label order, where there are labels.
        confusions: for a classifier ``(true label, said label, count)`` of the errors, most frequent first.
        seconds: wall time.
    """

    version: str
    split: str
    rows: int
    metric: str
    metrics: Mapping[str, float]
    per_label: tuple[tuple[str, float, float, float, int], ...] = ()
    confusions: tuple[tuple[str, str, int], ...] = ()
    seconds: float = 0.0


def evaluate(
    head: Head,
    encoder: Encoder,
    slot: int,
    version: str,
    noun: TaskHead,
    examples: Sequence[Mapping[str, Any]],
    split: str,
    max_tokens: int,
) -> Evaluation:
    """Measure a loaded version.

    Args:
        head, encoder, slot, version: the version, loaded.
        noun: the head's declaration: its objective, fields and target.
        examples: the rows to measure on.
        split: their name, for the record.
        max_tokens: longer inputs are cut here, as in training.

    Raises:
        BadInput: there are no rows.
    """
    if not examples:
        raise BadInput(f"There are no rows in the split {split!r}.", "Choose another split, or import some rows.")
    started = time.monotonic()
    objective = objective_of(noun.objective)(noun.inputs, noun.target)
    objective.adopt(head)
    prepared = objective.prepare(examples, split, encoder, max_tokens)
    with torch.inference_mode():
        features = prepared.encode(encoder, slot=slot)
        metrics = objective.metrics(head, features, prepared.targets)
        per_label, confusions = (
            _by_label(head, features, prepared.targets)
            if isinstance(objective, Classify)
            else (objective.per_label(head, features, prepared.targets), ())
        )
    seconds = time.monotonic() - started
    return Evaluation(version, split, len(prepared), objective.metric, metrics, per_label, confusions, seconds)


def _by_label(
    head: Head, features: torch.Tensor, targets: torch.Tensor
) -> tuple[tuple[tuple[str, float, float, float, int], ...], tuple[tuple[str, str, int], ...]]:
    assert isinstance(head, ClassifyHead)  # noqa: S101  # Classify makes no other
    labels, known = head.labels, targets >= 0
    said, truth = head(features[known, 0]).argmax(dim=-1), targets[known]
    matrix = torch.bincount(truth * len(labels) + said, minlength=len(labels) ** 2).view(len(labels), -1)
    rows = []
    for place, label in enumerate(labels):
        right, predicted, actual = (
            int(value) for value in (matrix[place, place], matrix[:, place].sum(), matrix[place].sum())
        )
        precision = right / predicted if predicted else 0.0
        recall = right / actual if actual else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        rows.append((label, precision, recall, f1, actual))
    errors = matrix.clone().fill_diagonal_(0)
    pairs = [(labels[at], labels[to], int(errors[at, to])) for at, to in errors.nonzero().tolist()]
    return tuple(rows), tuple(sorted(pairs, key=lambda pair: (-pair[2], pair)))
