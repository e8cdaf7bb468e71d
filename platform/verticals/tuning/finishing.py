"""From a trained head to a saved version: the floor it must beat, its calibration, its figures, its manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from verticals.contract import FitReport, Progress
from verticals.encoder.precision import return_freed_memory

from .card import card_facts, model_card
from .evaluation import Answers
from .interruption import counter
from .linear import fit_head
from .methods import METHODS, Fitted, Floor, Method, Task
from .preparing import fitting, some_of, text_count
from .workshop import Workshop

# Training rows that a head remembers to know what is familiar: so many in all, but no fewer of a label.
_FAMILIAR, _FAMILIAR_PER_LABEL = 8_000, 30


@dataclass(slots=True)
class Trained:
    """What one round of training gave: by which method in the end, its figures, and the answers they are of."""

    method: str
    fitted: Fitted
    metrics: dict[str, float]
    answers: Answers | None


def floor_of(task: Task) -> Floor | None:
    """The head alone, where the objective's heads read the encoder."""
    if task.objective.reads == "itself":
        return None
    data, fits = task.data, fitting(task.data, task.encoder)
    if fits < len(data):
        task.notes.append(f"the head alone was fitted to {fits} of {len(data)} rows: more do not fit in memory")
        data = data.part(some_of(len(data), fits, task.recipe.seed))
    count = counter(task.report, "encoding", text_count(data) + text_count(task.held_out), task.stop)
    features, held = (part.encode(task.encoder, count) for part in (data, task.held_out))
    return_freed_memory()  # batches of other shapes follow, which would be put beside the gaps that these left
    head = task.objective.head(task.encoder.dimension, task.recipe)
    history = fit_head(head, task.objective, (features, data.targets), (held, task.held_out.targets), task.recipe)
    return Floor(head, features, held, history, max(figures[task.objective.metric] for figures in history))


def finished(task: Task, method: Method, fitted: Fitted) -> Trained:
    """Fall back to the floor where that is better, calibrate and measure."""
    name = method.name
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
    return Trained(name, fitted, metrics, answers)


def familiarise(task: Task, fitted: Fitted) -> torch.Tensor:
    """Set when to abstain; what the head reads of the held-out rows."""
    head, floor = fitted.head, task.floor
    places = _some_of_each(task.data.targets, task.recipe.seed)
    whole = floor is not None and len(floor.features) == len(task.data)
    if floor and whole and head is floor.head and fitted.body.encoder is task.encoder and not fitted.body.adapter:
        some, held = floor.features[places], floor.held_features
    else:
        data, held_out = fitted.data or task.data, fitted.held_out or task.held_out
        some, held = fitted.body.encode(data.part(places)), fitted.body.encode(held_out)
    return_freed_memory()  # a large matrix follows, for what rows vote
    with torch.no_grad():
        task.objective.familiarise(head, (some, task.data.targets[places]), held, task.recipe.coverage)
    return held


def save(task: Task, trained: Trained, workshop: Workshop, seconds: float) -> FitReport:
    """Save the version, with its manifest and card; what the run reports.

    A run that was killed after it had saved, and goes on, gives the version that is there.
    """
    fitted, job, registry = trained.fitted, task.job, workshop.registry
    report = FitReport("", trained.metrics, tuple(fitted.history), seconds, fitted.outcome, tuple(task.notes))
    if not workshop.processes.first:
        return report
    saved = registry.list(job.vertical, job.head) if job.resume else ()
    record = next((one for one in saved if one.run == job.run), None)
    if record is None:
        manifest = _manifest(task, trained, workshop.provenance)
        manifest["notes"], manifest["seconds"] = task.notes, round(seconds, 1)
        manifest["max_tokens"] = task.objective.room(task.encoder, job.recipe.extent)
        manifest["rows"] = {"train": len(task.data), "held_out": len(task.held_out)}
        if trained.answers is not None:
            manifest |= card_facts(job, trained.answers)

        def write(folder: Path) -> None:
            fitted.head.save(folder)
            fitted.body.save(folder)
            (folder / "README.md").write_text(model_card(manifest, fitted.history), encoding="utf-8")

        task.report(Progress("saving", 0, 1, "version"))
        record = registry.save(job.vertical, job.head, manifest, write, run=job.run)
    return dataclasses.replace(report, version=record.version)


def _doubt(task: Task, method: Method) -> float:
    """What the held-out figures may differ by through chance, for methods that are measured on a few rows only."""
    if not method.frugal or task.floor is None:
        return 0.0
    share = min(1.0, max(0.0, task.floor.figure))
    return float(np.sqrt(share * (1 - share) / len(task.held_out)))


def _calibrate(task: Task, fitted: Fitted) -> Answers | None:
    """Calibrate on the held-out rows and set when to abstain; what the head then says of them, if there are any."""
    if not len(task.held_out):
        return None
    objective, head = task.objective, fitted.head
    held = familiarise(task, fitted)
    targets = task.held_out.targets
    with torch.no_grad():
        objective.calibrate(head, held, targets)
        return Answers(objective, head, held, targets, objective.outcomes(head, held, targets))


def _some_of_each(targets: torch.Tensor, seed: int) -> np.ndarray:
    """Places of up to 8,000 random rows, as many of each label, or of 1000 where the targets are no labels."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(targets))
    if targets.is_floating_point() or targets.ndim > 1:
        return np.sort(order[:1000])
    values = targets.numpy()[order]
    labels = np.unique(values)
    each = max(_FAMILIAR_PER_LABEL, _FAMILIAR // max(1, len(labels)))
    taken = [order[np.flatnonzero(values == value)[:each]] for value in labels]
    return np.sort(np.concatenate(taken)) if taken else order


def _manifest(task: Task, trained: Trained, provenance: Mapping[str, str]) -> dict[str, Any]:
    job, source, config = task.job, task.encoder.source, trained.fitted.head.config()
    return {
        "vertical": job.vertical, "head": job.head, "objective": job.objective, "metric": task.objective.metric,
        "method": trained.method, "recipe": job.recipe.to_dict(), "labels": config.get("labels", []), "config": config,
        "inputs": list(job.inputs), "target": job.target, "dataset_version": job.dataset_version,
        "seed": job.recipe.seed, "metrics": trained.metrics, "temperature": config.get("temperature"),
        "thresholds": _thresholds(config), "tokenizer_sha256": source.tokenizer_sha256,
        "encoder": {"name": source.name, "sha256": source.sha256, "pooling": source.pooling},
        "together": dict(task.together), **provenance,
    }  # fmt: skip


def _thresholds(config: Mapping[str, Any]) -> dict[str, Any]:
    """The least familiarity that is answered; where each label has a threshold, these too."""
    found: dict[str, Any] = {"familiarity": config.get("threshold")}
    if "thresholds" in config:
        found["labels"] = dict(zip(config["labels"], config["thresholds"], strict=True))
    return found
