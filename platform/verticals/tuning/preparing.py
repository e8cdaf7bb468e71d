"""What a method starts from: the rows, parted into those to learn from and those to measure on."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from verticals.contract import BadInput, FitJob
from verticals.encoder import Encoder

from .augmentation import augmented
from .continual import Continuation
from .fairness import group_numbers
from .methods import METHODS, Method, Task, choose_method, method_of
from .objectives import Classify, Example, Objective
from .prepared import Data, Prepared, by_content, hold_out
from .processes import ALONE, Processes
from .row_notes import row_notes

_CACHED_BYTES = 512 << 20  # of features of words that are kept at once
_FRUGAL_SHARE = 0.2  # of the rows measure a frugal method, which gets them back afterwards


@dataclass(slots=True)
class Reading:
    """The rows of one job, read and tokenised; not parted yet.

    Args:
        job: what to train.
        objective: has learned from the training rows.
        encoder: to train on.
        rows, validation: labelled examples to learn from, and those that are only to be measured on.
        data: the training rows.
        continuation: how to go on from a version; `None` to start from the pretrained weights.
        notes: for the report.
    """

    job: FitJob
    objective: Objective
    encoder: Encoder
    rows: list[Example]
    validation: list[Example]
    data: Data
    continuation: Continuation | None
    notes: list[str]

    @property
    def share(self) -> float:
        """Of the training rows that are learned from."""
        return 1.0 if self.validation else 1.0 - self.job.recipe.validation


Chosen = tuple[str, int, str]
"""A method, its epochs, and why."""


def prepare_task(
    job: FitJob,
    objective: Objective,
    encoder: Encoder,
    folder: Path,
    stop: threading.Event,
    processes: Processes = ALONE,
) -> tuple[Method, Task]:
    """The method to train by, and its task.

    Args:
        job: what to train.
        objective: of the job; learns from the training rows here.
        encoder: to train on.
        folder: of the run.
        stop: ends training when set.
        processes: that train together.

    Raises:
        BadInput: there are no rows, or they don't fit the objective or the method.
    """
    reading = read(job, objective, encoder)
    chosen = choose([reading])
    return method_of(chosen[0]), parted(reading, chosen, folder, stop, processes)


def read(job: FitJob, objective: Objective, encoder: Encoder) -> Reading:
    """Let the objective learn from the job's rows, and tokenise these.

    Raises:
        BadInput: there are no rows, or they don't fit the objective.
    """
    recipe = job.recipe
    notes: list[str] = []
    rows: list[Example] = list(job.examples.get("train") or ())
    validation: list[Example] = list(job.examples.get("validation") or ())
    asked = METHODS.get(recipe.method)
    if not rows and (not job.labels or not objective.without_rows or (asked is not None and asked.needs_rows)):
        raise BadInput(f"{job.vertical}/{job.head} has no training rows.", "Import some with `platform data import`.")
    objective.recipe = recipe
    objective.learn(rows, job.labels)
    objective.begin(recipe)
    continuation = None
    if job.start is not None:
        continuation = Continuation(job.start, objective, encoder, recipe)
        rows, old = continuation.rows(rows)
        notes.append(f"goes on from {job.start.reference} with {len(rows) - old} new rows")
    data = objective.prepare(rows, "train", encoder, recipe.extent)
    if continuation is not None:
        data.old = old
    if recipe.fairness:
        data.groups = _groups(rows, recipe.fairness_by)
    return Reading(job, objective, encoder, rows, validation, data, continuation, notes)


def choose(readings: Sequence[Reading]) -> Chosen:
    """The method to train these jobs by, from the size of all of them together."""
    first, alone = readings[0], len(readings) == 1
    start = first.job.start
    return choose_method(
        first.job.recipe,
        sum(round(len(one.data) * one.share) for one in readings),
        sum(len(one.objective.labels) for one in readings),
        sum(round(int(one.data.lengths.sum()) * one.share) for one in readings),
        first.objective.reads,
        before=start.manifest["method"] if start is not None else "",
        few_shot=alone and isinstance(first.objective, Classify),
    )


def parted(reading: Reading, chosen: Chosen, folder: Path, stop: threading.Event, processes: Processes = ALONE) -> Task:
    """The rows parted into those to learn from and those to measure on, for the chosen method.

    Raises:
        BadInput: none are left to measure on.
    """
    job, objective, encoder, notes = reading.job, reading.objective, reading.encoder, reading.notes
    rows, validation, whole, recipe = reading.rows, reading.validation, reading.data, job.recipe
    name, epochs, why = chosen
    method = method_of(name)
    notes += [f"method {name}: {why}", *row_notes(job, objective)]
    kept, held = np.arange(len(rows)), np.arange(0)
    held_rows: Sequence[Example] = validation
    lent = bool(rows) and not validation and method.learns
    if not method.learns:
        kept, held_rows = held, [*rows, *validation]
    elif lent:
        fifth = method.frugal and 0 < recipe.validation < _FRUGAL_SHARE
        share = _FRUGAL_SHARE if fifth else recipe.validation
        kept, held = hold_out(
            whole.targets, share, by_content(rows, (*objective.inputs, objective.target), recipe.seed)
        )
        if not len(held):
            raise BadInput(
                f"{job.vertical}/{job.head}: a share of {recipe.validation} of {len(rows)} training rows leaves none "
                "to hold out.",
                "Give more rows, some in the split 'validation', or a larger share: --set validation=0.1.",
            )
        held_rows = [rows[at] for at in held]
        notes.append(f"{len(held)} of {len(rows)} training rows were held out: the data set has no validation rows")
    held_out = whole.part(held) if lent else objective.prepare(held_rows, "validation", encoder, recipe.extent)
    report = job.progress or (lambda progress: None)
    task = Task(
        job, dataclasses.replace(recipe, epochs=epochs), objective, encoder, whole.part(kept), held_out,
        [rows[at] for at in kept], held_rows, lent, folder / "checkpoint.pt", stop, report, notes,
        continuation=reading.continuation, processes=processes,
    )  # fmt: skip
    if recipe.augment and len(kept):
        task = with_rows(task, augmented(task.rows, objective, recipe, encoder))
        notes.append(f"{recipe.augment} changed copies of each training row were learned from too")
    if task.data.cut:
        texts = f"{task.data.cut} of {text_count(task.data)} training texts"
        room = objective.room(encoder, recipe.extent)
        most = f"the {room} tokens that the encoder takes" if room % recipe.max_tokens else f"{room} tokens"
        notes.append(f"{texts} were longer than {most} and were cut{_words_cut(task.data)}")
    fits = fitting(task.held_out, encoder)
    if fits < len(task.held_out):
        notes.append(f"{fits} of {len(task.held_out)} held-out rows were measured on: more do not fit in memory")
        some = some_of(len(task.held_out), fits, recipe.seed)
        task.held_out, task.held_rows = task.held_out.part(some), [task.held_rows[at] for at in some]
    return task


def with_rows(task: Task, more: Sequence[Example]) -> Task:
    """The task with further training rows."""
    rows = [*task.rows, *more]
    data = task.objective.prepare(rows, "train", task.encoder, task.recipe.extent)
    if task.recipe.fairness:
        data.groups = _groups(rows, task.recipe.fairness_by)
    return dataclasses.replace(task, rows=rows, data=data)


def _groups(rows: Sequence[Example], column: str) -> torch.Tensor:
    """The group of each training row, by a column."""
    values = [example.get(column) for example in rows]
    if all(value is None for value in values):
        raise BadInput(
            f"recipe: fairness_by is {column!r}; no training example has it.", "Name a column of the data set."
        )
    return group_numbers(values)[0]


def text_count(data: Data) -> int:
    """How many texts the examples have."""
    return len(data.rows) if isinstance(data, Prepared) else len(data)


def fitting(data: Data, encoder: Encoder) -> int:
    """How many rows' features may be kept at once: those of words are many times those of texts."""
    if not isinstance(data, Prepared) or data.rows.words is None:
        return len(data)
    longest = max(map(len, data.rows.words), default=1)
    return min(len(data), max(1, _CACHED_BYTES // (4 * max(1, longest) * encoder.dimension)))


def some_of(rows: int, count: int, seed: int) -> np.ndarray:
    """Places of ``count`` random rows, in order."""
    places: np.ndarray = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    return places


def _words_cut(data: Data) -> str:
    """How many words of theirs were not read, where rows come as words."""
    if data.targets.ndim == 1 or not isinstance(data, Prepared) or data.rows.words is None:
        return ""
    words = int((data.targets >= 0).sum())
    return f"; {words - sum(int((places >= 0).sum()) for places in data.rows.words)} of {words} words were not read"
