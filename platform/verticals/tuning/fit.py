"""From prepared examples to a saved version."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, FitJob, FitReport, Progress, Recipe
from verticals.encoder import Encoder
from verticals.store import Registry

from .card import model_card
from .linear import fit_head
from .methods import METHODS, Fitted, Floor, Task, choose_method, method_of
from .objectives import Objective, objective_of
from .prepared import Data, Prepared, hold_out

_FAMILIAR_PER_LABEL = 30  # training rows per label that the label means are taken from
_CACHED_BYTES = 512 << 20  # of features of words that are kept at once


@dataclass(slots=True)
class Workshop:
    """What training needs from its surroundings.

    Args:
        encoder: the shared encoder.
        registry: where the version is saved.
        runs: folder that keeps each run's checkpoint.
        provenance: plugin, its version and the host's, for the manifest.
        stop: set it to end training at the next step with a checkpoint.
    """

    encoder: Encoder
    registry: Registry
    runs: Path
    provenance: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)


def fit(job: FitJob, workshop: Workshop) -> FitReport:
    """Train one head as its recipe says, calibrate it, and save it as a new version.

    The head alone is always trained first, on cached features: it is the floor to beat. If the chosen method stays
    below that floor on the held-out rows, the floor is what is saved, and the report says so.

    A run that is stopped reports ``interrupted`` and saves no version; its checkpoint, once there is one, holds all
    that is needed to go on exactly.

    Raises:
        BadInput: the examples don't fit the objective, or the recipe does not fit the encoder.
    """
    shared = _as_asked(job.recipe, workshop.encoder)
    objective = objective_of(job.objective)(job.inputs, job.target)
    objective.recipe = job.recipe
    if not job.examples.get("train"):
        raise BadInput(f"{job.vertical}/{job.head} has no training rows.", "Import some with `platform data import`.")
    objective.learn(job.examples["train"], job.labels)
    started = time.monotonic()
    task = _task(job, objective, shared, workshop)
    tokens = int(task.data.lengths.sum())
    name, epochs, why = choose_method(job.recipe, len(task.data), len(objective.labels), tokens, objective.reads)
    method = method_of(name)
    task.recipe = dataclasses.replace(job.recipe, epochs=epochs)
    task.notes.append(f"method {name}: {why}")
    with _stopped_by_signals(workshop.stop):
        try:
            task.floor = _floor(task)
        except _Stopped:
            return FitReport("", {}, (), time.monotonic() - started, "interrupted", tuple(task.notes))
        fitted = method.fit(task)
        if fitted.outcome == "interrupted":
            seconds = time.monotonic() - started
            return FitReport("", {}, tuple(fitted.history), seconds, "interrupted", tuple(task.notes))
    if task.floor is not None and fitted.figure < task.floor.figure:
        task.notes.append(
            f"{name} reached {fitted.figure:.4f} {objective.metric} on the held-out rows, below the "
            f"{task.floor.figure:.4f} of the head alone; the head alone was saved"
        )
        name, fitted = "head", METHODS["head"].fit(task)
    metrics = _calibrate(task, fitted)
    seconds = time.monotonic() - started
    report = FitReport("", metrics, tuple(fitted.history), seconds, fitted.outcome, tuple(task.notes))
    manifest = _manifest(task, fitted, name, metrics, workshop.provenance)
    manifest["notes"], manifest["seconds"] = task.notes, round(seconds, 1)
    manifest["rows"] = {"train": len(task.data), "held_out": len(task.held_out)}

    def write(folder: Path) -> None:
        fitted.head.save(folder)
        fitted.body.save(folder)
        (folder / "README.md").write_text(model_card(manifest, fitted.history), encoding="utf-8")

    task.report(Progress("saving", 0, 1, "version"))
    record = workshop.registry.save(job.vertical, job.head, manifest, write, run=job.run)
    task.checkpoint.unlink(missing_ok=True)
    return dataclasses.replace(report, version=record.version)


def _as_asked(recipe: Recipe, encoder: Encoder) -> Encoder:
    """The platform's encoder, computing in the recipe's precision."""
    if recipe.encoder not in ("", encoder.source.name):
        raise BadInput(
            f"recipe: encoder is {recipe.encoder!r}; this platform runs {encoder.source.name!r}.",
            "Leave it empty, or set PLATFORM_ENCODER and train every head again.",
        )
    return encoder if recipe.precision == "auto" else encoder.computing_in(recipe.precision)


def _task(job: FitJob, objective: Objective, encoder: Encoder, workshop: Workshop) -> Task:
    """Training and held-out rows; where the data set names none for validation, a share of the training rows."""
    recipe, notes = job.recipe, []
    data = objective.prepare(job.examples["train"], "train", encoder, recipe.max_tokens)
    if job.examples.get("validation"):
        held_out = objective.prepare(job.examples["validation"], "validation", encoder, recipe.max_tokens)
    else:
        kept, held = hold_out(data.targets, recipe.validation, recipe.seed)
        if not len(held):
            raise BadInput(
                f"{job.vertical}/{job.head}: a share of {recipe.validation} of {len(data)} training rows leaves none "
                "to hold out.",
                "Give more rows, some in the split 'validation', or a larger share: --set validation=0.1.",
            )
        notes.append(f"{len(held)} of {len(data)} training rows were held out: the data set has no validation rows")
        data, held_out = data.part(kept), data.part(held)
    if data.cut:
        texts = f"{data.cut} of {_texts(data)} training texts"
        notes.append(f"{texts} were longer than {recipe.max_tokens} tokens and were cut{_words_cut(data)}")
    fits = _fitting(held_out, encoder)
    if fits < len(held_out):
        notes.append(f"{fits} of {len(held_out)} held-out rows were measured on: more do not fit in memory")
        held_out = held_out.part(_some(len(held_out), fits, recipe.seed))
    checkpoint = workshop.runs / job.run / "checkpoint.pt"
    report = job.progress or (lambda progress: None)
    return Task(job, recipe, objective, encoder, data, held_out, checkpoint, workshop.stop, report, notes)


def _floor(task: Task) -> Floor | None:
    """The head alone, where the objective's heads read the encoder."""
    if task.objective.reads == "itself":
        return None
    data, fits = task.data, _fitting(task.data, task.encoder)
    if fits < len(data):
        task.notes.append(f"the head alone was fitted to {fits} of {len(data)} rows: more do not fit in memory")
        data = data.part(_some(len(data), fits, task.recipe.seed))
    count = _counter(task.report, "encoding", _texts(data) + _texts(task.held_out), task.stop)
    features, held = (part.encode(task.encoder, count) for part in (data, task.held_out))
    head = task.objective.head(task.encoder.dimension, task.recipe)
    history = fit_head(head, task.objective, (features, data.targets), (held, task.held_out.targets), task.recipe)
    return Floor(head, features, held, history, max(figures[task.objective.metric] for figures in history))


def _texts(data: Data) -> int:
    return len(data.rows) if isinstance(data, Prepared) else len(data)


def _fitting(data: Data, encoder: Encoder) -> int:
    """How many rows' features may be kept at once: those of words are many times those of texts."""
    if not isinstance(data, Prepared) or data.rows.words is None:
        return len(data)
    longest = max(map(len, data.rows.words), default=1)
    return min(len(data), max(1, _CACHED_BYTES // (4 * max(1, longest) * encoder.dimension)))


def _some(rows: int, count: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def _words_cut(data: Data) -> str:
    """How many words of theirs were not read, where rows come as words."""
    if data.targets.ndim == 1 or not isinstance(data, Prepared) or data.rows.words is None:
        return ""
    words = int((data.targets >= 0).sum())
    return f"; {words - sum(int((places >= 0).sum()) for places in data.rows.words)} of {words} words were not read"


def _calibrate(task: Task, fitted: Fitted) -> dict[str, float]:
    """Calibrate on the held-out rows, set when to abstain, and measure."""
    objective, head, floor = task.objective, fitted.head, task.floor
    places = _some_of_each(task.data.targets, task.recipe.seed)
    whole = floor is not None and len(floor.features) == len(task.data)
    if floor and whole and head is floor.head and fitted.body.encoder is task.encoder and not fitted.body.adapter:
        some, held = floor.features[places], floor.held_features
    else:
        some, held = fitted.body.encode(task.data.part(places)), fitted.body.encode(task.held_out)
    with torch.no_grad():
        objective.calibrate(head, held, task.held_out.targets)
        objective.familiarise(head, (some, task.data.targets[places]), held, task.recipe.coverage)
        metrics = objective.metrics(head, held, task.held_out.targets)
    if floor is not None:
        metrics["floor"] = floor.figure
    return metrics


def _some_of_each(targets: torch.Tensor, seed: int) -> np.ndarray:
    """Places of up to 30 random rows of each label, or of 1000 rows where the targets are no labels."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(targets))
    if targets.is_floating_point() or targets.ndim > 1:
        return np.sort(order[:1000])
    values = targets.numpy()[order]
    taken = [order[np.flatnonzero(values == value)[:_FAMILIAR_PER_LABEL]] for value in np.unique(values)]
    return np.sort(np.concatenate(taken))


def _manifest(
    task: Task, fitted: Fitted, method: str, metrics: Mapping[str, float], provenance: Mapping[str, str]
) -> dict[str, Any]:
    job, source, config = task.job, task.encoder.source, fitted.head.config()
    return {
        "vertical": job.vertical, "head": job.head, "objective": job.objective, "metric": task.objective.metric,
        "method": method, "recipe": job.recipe.to_dict(), "labels": config.get("labels", []), "config": config,
        "inputs": list(job.inputs), "target": job.target, "dataset_version": job.dataset_version,
        "seed": job.recipe.seed, "metrics": dict(metrics), "temperature": config.get("temperature"),
        "thresholds": _thresholds(config), "tokenizer_sha256": source.tokenizer_sha256,
        "encoder": {"name": source.name, "sha256": source.sha256, "pooling": source.pooling}, **provenance,
    }  # fmt: skip


def _thresholds(config: Mapping[str, Any]) -> dict[str, Any]:
    """The least familiarity that is answered; where each label has a threshold, these too."""
    found: dict[str, Any] = {"familiarity": config.get("threshold")}
    if "thresholds" in config:
        found["labels"] = dict(zip(config["labels"], config["thresholds"], strict=True))
    return found


class _Stopped(Exception):
    """Training was asked to stop before there was anything to keep."""


def _counter(say: Callable[[Progress], None], stage: str, total: int, stop: threading.Event) -> Callable[[int], None]:
    started, done = time.monotonic(), 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        speed = done / max(time.monotonic() - started, 1e-9)
        say(Progress(stage, done, total, "texts", speed, (total - done) / speed))
        if stop.is_set():
            raise _Stopped

    return count


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks training to stop after its step; a second Ctrl-C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
