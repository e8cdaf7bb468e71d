"""Rows whose label is probably wrong, found by confident learning.

Every row is judged by a head that has not seen it: the rows are dealt into folds, and each fold is answered by a head
that was trained on the others, on the frozen encoder's features, so that nothing can memorise a wrong label. A row is
suspected where a head is as sure of another label as it usually is of rows that carry that label (Northcutt et al.,
Confident Learning, JAIR 2021, arXiv:1911.00068).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, Progress, Recipe, TaskHead
from verticals.encoder import Encoder

from .linear import fit_head
from .objectives import Objective, objective_of

FOLDS = 5
Say = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is probably wrong.

    Args:
        number: of the row in its data set version, from 1; `None` where a ``prepare`` function made it.
        id: the row's key, where its data set has one.
        split: it is in.
        inputs: as the data has them.
        given: its label.
        suggested: the label it should probably have.
        confidence: that the head gives the suggested label, 0 to 1.
        given_confidence: that it gives the label the row has.
    """

    number: int | None
    id: Any
    split: str
    inputs: Mapping[str, Any]
    given: str
    suggested: str
    confidence: float
    given_confidence: float


@dataclass(frozen=True, slots=True)
class SuspectReport:
    """What was found.

    Args:
        rows: how many were judged.
        suspects: the surest first.
        skipped: labels with too few rows to judge, and how many rows that are.
        accuracy: the share of rows whose label the cross-validated heads give.
        folds: how many there were.
        seconds: wall time.
    """

    rows: int
    suspects: tuple[Suspect, ...]
    skipped: Mapping[str, int]
    accuracy: float
    folds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row to judge: its example, and where it stands."""

    example: Mapping[str, Any]
    split: str
    number: int | None = None
    id: Any = None


def find_label_errors(
    noun: TaskHead,
    rows: Sequence[LabelledRow],
    encoder: Encoder,
    recipe: Recipe,
    folds: int = FOLDS,
    progress: Say | None = None,
) -> SuspectReport:
    """Judge every row by heads that have not seen it.

    Args:
        noun: the head's declaration.
        rows: of all splits that are to be judged.
        encoder: whose frozen features the heads read.
        recipe: for ``max_tokens`` and the seed.
        folds: parts that the rows are dealt into; rows of the same text fall into the same one.
        progress: called now and then.

    Raises:
        BadInput: the objective does not give each row one label, or fewer than two labels have enough rows.
    """
    started = time.monotonic()
    if not rows:
        raise BadInput(f"{noun.name} has no rows to judge.", "Import some: platform data import.")
    counts = _rows_per_label(noun, rows)
    skipped = {label: count for label, count in sorted(counts.items()) if count < folds}
    if len(counts) - len(skipped) < 2:
        raise BadInput(
            f"{noun.name}: fewer than two labels have {folds} rows or more.",
            "Import more rows, or ask for fewer folds.",
        )
    kept = [row for row in rows if str(row.example[noun.target]) not in skipped]
    examples = [row.example for row in kept]
    objective = objective_of(noun.objective)(noun.inputs, noun.target)
    objective.learn(examples, ())
    prepared = objective.prepare(examples, "all", encoder, recipe.extent)
    done = _telling(progress, "encoding", len(prepared) * objective.views, "texts")
    with torch.inference_mode():
        features = prepared.encode(encoder, done)
    features = features.clone()  # tensors made for inference take no part in training
    texts = [" ".join(" ".join(str(example[name]) for name in noun.inputs).casefold().split()) for example in examples]
    places = deal(texts, prepared.targets.numpy(), folds, recipe.seed)
    probabilities = torch.zeros(len(kept), len(objective.labels))
    done = _telling(progress, "judging", folds, "folds")
    for fold in range(folds):
        held = torch.from_numpy(places == fold)
        if not held.any() or len(prepared.targets[~held].unique()) < 2:
            continue
        probabilities[held] = _judged(objective, features, prepared.targets, held, recipe)
        done(1)
    suspects = tuple(
        Suspect(
            kept[at].number, kept[at].id, kept[at].split, {name: examples[at].get(name) for name in noun.inputs},
            str(examples[at][noun.target]), objective.labels[to], float(probabilities[at, to]),
            float(probabilities[at, int(prepared.targets[at])]),
        )
        for at, to in confident_errors(probabilities.numpy(), prepared.targets.numpy())
    )  # fmt: skip
    right = float((probabilities.argmax(dim=1) == prepared.targets).float().mean())
    return SuspectReport(len(kept), suspects, skipped, right, folds, time.monotonic() - started)


def confident_errors(probabilities: np.ndarray, given: np.ndarray) -> list[tuple[int, int]]:
    """Places of suspected rows and the place of the label each should have, the surest first.

    A label's threshold is the mean probability that its own rows give it. A row is counted for the likeliest of the
    labels whose threshold it reaches; where that is not the given one, the row is suspected: the off-diagonal of the
    confident joint. They are ranked by the normalised margin, the given label's probability less the suggested one's.

    Args:
        probabilities: out of sample, [rows, labels].
        given: the rows' labels, int [rows].
    """
    rows, labels = probabilities.shape
    own = probabilities[np.arange(rows), given]
    thresholds = np.full(labels, np.inf)
    for label in np.unique(given):
        thresholds[label] = own[given == label].mean()
    reached = probabilities >= thresholds - 1e-9
    likely = np.where(reached, probabilities, -1.0)
    suggested = likely.argmax(axis=1)
    suspected = reached.any(axis=1) & (suggested != given) & (probabilities[np.arange(rows), suggested] > own)
    found = np.flatnonzero(suspected)
    margins = own[found] - probabilities[found, suggested[found]]
    return [(int(found[at]), int(suggested[found[at]])) for at in np.argsort(margins, kind="stable")]


def deal(texts: Sequence[str], labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """A fold for each row, int [rows]: every label spread evenly, rows of the same text together."""
    generator = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    taken: dict[int, int] = {}
    found = np.empty(len(texts), dtype=np.int64)
    for at in generator.permutation(len(texts)):
        label = int(labels[at])
        if texts[at] not in fold_of:
            # Labels begin at folds of their own, so that all folds are of about the same size.
            fold_of[texts[at]] = (taken.get(label, label) + 1) % folds
            taken[label] = taken.get(label, label) + 1
        found[at] = fold_of[texts[at]]
    return found


def _rows_per_label(noun: TaskHead, rows: Sequence[LabelledRow]) -> dict[str, int]:
    """How many rows carry each label; refuses heads that do not choose one label for a row."""
    objective = objective_of(noun.objective)(noun.inputs, noun.target)
    objective.learn([row.example for row in rows], ())
    targets = [objective.target_of(row.example) for row in rows]
    if not objective.labels or not all(isinstance(target, int) for target in targets):
        raise BadInput(
            f"The head {noun.name!r} ({noun.objective}) does not choose one label for each row.",
            "Label errors are found for heads that classify.",
        )
    return dict(Counter(objective.labels[int(target)] for target in targets))


def _judged(
    objective: Objective, features: torch.Tensor, targets: torch.Tensor, held: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    """Probabilities of the held rows' labels by a head that was trained on the others, [held, labels]."""
    head = objective.head(features.shape[-1], recipe)
    train, test = (features[~held], targets[~held]), (features[held], targets[held])
    fit_head(head, objective, train, test, recipe)
    with torch.inference_mode():
        outcomes = objective.outcomes(head, *test)
    if outcomes is None or outcomes.probabilities is None:
        raise BadInput("This objective gives no probabilities of labels.", "Label errors cannot be found by it.")
    return outcomes.probabilities


def _telling(progress: Say | None, stage: str, total: int, unit: str) -> Callable[[int], None]:
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(Progress(stage, done, total, unit))

    return tell
