"""From prepared examples to a saved version."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from verticals.contract import BadInput, FitJob, FitReport, Progress, Recipe
from verticals.encoder import Encoder
from verticals.store import Registry

from .augmentation import augmented
from .card import card_facts, model_card
from .evaluation import Answers
from .interruption import Stopped, counter, stopped_by_signals
from .linear import fit_head
from .methods import METHODS, Fitted, Floor, Method, Task
from .objectives import Objective, objective_of
from .preparing import fitting, prepare_task, some_of, text_count, with_rows
from .processes import Processes, current
from .pseudo import with_pseudo_labels

_FAMILIAR_PER_LABEL = 30  # training rows per label that the label means are taken from


@dataclass(slots=True)
class Workshop:
    """What training needs from its surroundings.

    Args:
        encoder: the shared encoder.
        registry: where the version is saved.
        runs: folder that keeps each run's checkpoint.
        provenance: plugin, its version and the host's, for the manifest.
        stop: set it to end training at the next step with a checkpoint.
        other: gives another encoder by the name that a recipe has for it; `None`: there are no others.
        processes: that train together; only the first one saves.
    """

    encoder: Encoder
    registry: Registry
    runs: Path
    provenance: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    other: Callable[[str], Encoder] | None = None
    processes: Processes = field(default_factory=current)


@dataclass(slots=True)
class _Trained:
    """What one round of training gave: by which method in the end, its figures, and the answers they are of."""

    method: str
    fitted: Fitted
    metrics: dict[str, float]
    answers: Answers | None


def fit(job: FitJob, workshop: Workshop) -> FitReport:
    """Train one head as its recipe says, calibrate it, and save it as a new version.

    The head alone is always trained first, on cached features: it is the floor to beat. If the chosen method stays
    below that floor on the held-out rows, the floor is what is saved, and the report says so.

    A run that is stopped reports ``interrupted`` and saves no version; its checkpoint, once there is one, holds all
    that is needed to go on exactly.

    Raises:
        BadInput: the examples don't fit the objective, or the recipe does not fit the encoder.
    """
    objective = objective_of(job.objective)(job.inputs, job.target)
    shared = _as_asked(job.recipe, workshop, objective)
    started = time.monotonic()
    folder = workshop.runs / job.run
    method, task = prepare_task(job, objective, shared, folder, workshop.stop, workshop.processes)
    with stopped_by_signals(workshop.stop):
        try:
            trained = _round(task, method)
            if job.recipe.pseudo_labels:
                task = with_pseudo_labels(task, trained.fitted)
                trained = _round(task, method)
            if method.frugal and task.lent and trained.method == method.name:
                _on_all_rows(task, method, trained)
        except Stopped as stopped:
            seconds = time.monotonic() - started
            return FitReport("", {}, stopped.history, seconds, "interrupted", tuple(task.notes))
    fitted, seconds = trained.fitted, time.monotonic() - started
    report = FitReport("", trained.metrics, tuple(fitted.history), seconds, fitted.outcome, tuple(task.notes))
    manifest = _manifest(task, trained, workshop.provenance)
    manifest["notes"], manifest["seconds"] = task.notes, round(seconds, 1)
    manifest["max_tokens"] = task.objective.room(task.encoder, job.recipe.max_tokens)
    manifest["rows"] = {"train": len(task.data), "held_out": len(task.held_out)}
    if trained.answers is not None:
        manifest |= card_facts(job, trained.answers)

    def write(folder: Path) -> None:
        fitted.head.save(folder)
        fitted.body.save(folder)
        (folder / "README.md").write_text(model_card(manifest, fitted.history), encoding="utf-8")

    if not workshop.processes.first:
        return report
    task.report(Progress("saving", 0, 1, "version"))
    record = workshop.registry.save(job.vertical, job.head, manifest, write, run=job.run)
    for checkpoint in folder.glob("checkpoint*.pt"):
        checkpoint.unlink()
    return dataclasses.replace(report, version=record.version)


def _as_asked(recipe: Recipe, workshop: Workshop, objective: Objective) -> Encoder:
    """The recipe's encoder, else the platform's, computing in the recipe's precision."""
    encoder = workshop.encoder
    if objective.reads != "itself" and recipe.encoder not in ("", encoder.source.name):
        if workshop.other is None:
            raise BadInput(
                f"recipe: encoder is {recipe.encoder!r}; this platform runs {encoder.source.name!r}.",
                "Leave it empty, or set PLATFORM_ENCODER and train every head again.",
            )
        encoder = workshop.other(recipe.encoder)
    return encoder if recipe.precision == "auto" else encoder.computing_in(recipe.precision)


def _round(task: Task, method: Method) -> _Trained:
    """Train by the method, fall back to the floor where that is better, calibrate and measure."""
    onward = task.continuation is not None and method.name != "head"
    learns = method.learns and len(task.data) and len(task.held_out)
    task.floor = _floor(task) if learns and not onward else None
    fitted, name = method.fit(task), method.name
    if fitted.outcome == "interrupted":
        raise Stopped(fitted.history)
    if task.floor is not None and fitted.figure < task.floor.figure - _doubt(task, method):
        task.notes.append(
            f"{name} reached {fitted.figure:.4f} {task.objective.metric} on the held-out rows, below the "
            f"{task.floor.figure:.4f} of the head alone; the head alone was saved"
        )
        name, fitted = "head", METHODS["head"].fit(task)
    answers = _calibrate(task, fitted)
    metrics = {} if answers is None else answers.metrics()
    if task.floor is not None:
        metrics["floor"] = task.floor.figure
    if task.continuation is not None and onward:
        told, figures = task.continuation.end(fitted.body, fitted.head)
        task.notes.append(told)
        metrics |= figures
    return _Trained(name, fitted, metrics, answers)


def _floor(task: Task) -> Floor | None:
    """The head alone, where the objective's heads read the encoder."""
    if task.objective.reads == "itself":
        return None
    data, fits = task.data, fitting(task.data, task.encoder)
    if fits < len(data):
        task.notes.append(f"the head alone was fitted to {fits} of {len(data)} rows: more do not fit in memory")
        data = data.part(some_of(len(data), fits, task.recipe.seed))
    count = counter(task.report, "encoding", text_count(data) + text_count(task.held_out), task.stop)
    features, held = (part.encode(task.encoder, count) for part in (data, task.held_out))
    head = task.objective.head(task.encoder.dimension, task.recipe)
    history = fit_head(head, task.objective, (features, data.targets), (held, task.held_out.targets), task.recipe)
    return Floor(head, features, held, history, max(figures[task.objective.metric] for figures in history))


def _doubt(task: Task, method: Method) -> float:
    """What the held-out figures may differ by through chance, for methods that are measured on a few rows only."""
    if not method.frugal or task.floor is None:
        return 0.0
    share = min(1.0, max(0.0, task.floor.figure))
    return float(np.sqrt(share * (1 - share) / len(task.held_out)))


def _on_all_rows(task: Task, method: Method, trained: _Trained) -> None:
    """Train once more with the held-out rows too, and take the calibration over from the measured head."""
    given_back = [*task.held_rows]
    if task.recipe.augment:
        given_back += augmented(task.held_rows, task.objective, task.recipe, task.encoder)
    again = with_rows(task, given_back)
    again.checkpoint = task.checkpoint.with_name("checkpoint-all.pt")
    measured = trained.fitted
    fitted = method.fit(again)
    if fitted.outcome == "interrupted":
        raise Stopped(fitted.history)
    _familiarise(again, fitted)
    task.objective.recalibrate(fitted.head, measured.head)
    trained.fitted = dataclasses.replace(fitted, history=measured.history)
    task.notes.append(
        f"the figures are those of a head trained on {len(task.data)} rows; the version was then trained in the same "
        f"way on all {len(again.data)}"
    )


def _calibrate(task: Task, fitted: Fitted) -> Answers | None:
    """Calibrate on the held-out rows and set when to abstain; what the head then says of them, if there are any."""
    if not len(task.held_out):
        return None
    objective, head = task.objective, fitted.head
    held = _familiarise(task, fitted)
    targets = task.held_out.targets
    with torch.no_grad():
        objective.calibrate(head, held, targets)
        return Answers(objective, head, held, targets, objective.outcomes(head, held, targets))


def _familiarise(task: Task, fitted: Fitted) -> torch.Tensor:
    """Set when to abstain; what the head reads of the held-out rows."""
    head, floor = fitted.head, task.floor
    places = _some_of_each(task.data.targets, task.recipe.seed)
    whole = floor is not None and len(floor.features) == len(task.data)
    if floor and whole and head is floor.head and fitted.body.encoder is task.encoder and not fitted.body.adapter:
        some, held = floor.features[places], floor.held_features
    else:
        data, held_out = fitted.data or task.data, fitted.held_out or task.held_out
        some, held = fitted.body.encode(data.part(places)), fitted.body.encode(held_out)
    with torch.no_grad():
        task.objective.familiarise(head, (some, task.data.targets[places]), held, task.recipe.coverage)
    return held


def _some_of_each(targets: torch.Tensor, seed: int) -> np.ndarray:
    """Places of up to 30 random rows of each label, or of 1000 rows where the targets are no labels."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(targets))
    if targets.is_floating_point() or targets.ndim > 1:
        return np.sort(order[:1000])
    values = targets.numpy()[order]
    taken = [order[np.flatnonzero(values == value)[:_FAMILIAR_PER_LABEL]] for value in np.unique(values)]
    return np.sort(np.concatenate(taken)) if taken else order


def _manifest(task: Task, trained: _Trained, provenance: Mapping[str, str]) -> dict[str, Any]:
    job, source, config = task.job, task.encoder.source, trained.fitted.head.config()
    return {
        "vertical": job.vertical, "head": job.head, "objective": job.objective, "metric": task.objective.metric,
        "method": trained.method, "recipe": job.recipe.to_dict(), "labels": config.get("labels", []), "config": config,
        "inputs": list(job.inputs), "target": job.target, "dataset_version": job.dataset_version,
        "seed": job.recipe.seed, "metrics": trained.metrics, "temperature": config.get("temperature"),
        "thresholds": _thresholds(config), "tokenizer_sha256": source.tokenizer_sha256,
        "encoder": {"name": source.name, "sha256": source.sha256, "pooling": source.pooling}, **provenance,
    }  # fmt: skip


def _thresholds(config: Mapping[str, Any]) -> dict[str, Any]:
    """The least familiarity that is answered; where each label has a threshold, these too."""
    found: dict[str, Any] = {"familiarity": config.get("threshold")}
    if "thresholds" in config:
        found["labels"] = dict(zip(config["labels"], config["thresholds"], strict=True))
    return found
