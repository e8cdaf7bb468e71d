"""From prepared examples to a saved version."""

from __future__ import annotations

import dataclasses
import time

from verticals.contract import FitJob, FitReport

from .augmentation import augmented
from .finishing import Trained, familiarise, finished, floor_of, save
from .interruption import Stopped, stopped_by_signals
from .methods import METHODS, Method, Task
from .objectives import objective_of
from .preparing import prepare_task, with_rows
from .pseudo import with_pseudo_labels
from .workshop import Workshop


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
    shared = workshop.encoder_for(job.recipe, objective)
    started = time.monotonic()
    folder = workshop.runs / job.run
    method, task = prepare_task(job, objective, shared, folder, workshop.stop, workshop.processes)
    with stopped_by_signals(workshop.stop):
        try:
            trained = _round(task, method)
            if job.recipe.pseudo_labels:
                task = with_pseudo_labels(task, trained.fitted)
                trained = _round(task, method)
            again = job.recipe.refit or (method.frugal and trained.method == method.name)
            if again and task.lent and task.continuation is None:
                _on_all_rows(task, METHODS[trained.method], trained)
        except Stopped as stopped:
            seconds = time.monotonic() - started
            return FitReport("", {}, stopped.history, seconds, "interrupted", tuple(task.notes))
    report = save(task, trained, workshop, time.monotonic() - started)
    if workshop.processes.first:
        for checkpoint in folder.glob("checkpoint*.pt"):
            checkpoint.unlink()
    return report


def _round(task: Task, method: Method) -> Trained:
    """Train by the method; calibrate and measure what came of it."""
    onward = task.continuation if method.name != "head" else None
    learns = method.learns and len(task.data) and len(task.held_out)
    task.floor = floor_of(task) if learns and onward is None else None
    fitted = method.fit(task)
    if fitted.outcome == "interrupted":
        raise Stopped(fitted.history)
    trained = finished(task, method, fitted)
    if onward is not None:
        told, figures = onward.end(trained.fitted.body, trained.fitted.head)
        task.notes.append(told)
        trained.metrics |= figures
    return trained


def _on_all_rows(task: Task, method: Method, trained: Trained) -> None:
    """Train once more with the held-out rows too, and take the calibration over from the measured head."""
    given_back = [*task.held_rows]
    if task.recipe.augment:
        given_back += augmented(task.held_rows, task.objective, task.recipe, task.encoder)
    again, measured = with_rows(task, given_back), trained.fitted
    again.checkpoint, again.choose = task.checkpoint.with_name("checkpoint-all.pt"), False
    figures = [epoch[task.objective.metric] for epoch in measured.history]
    again.recipe = dataclasses.replace(task.recipe, epochs=1 + figures.index(max(figures)), patience=0)
    if method.name == "head":
        again.floor = floor_of(again)
    fitted = method.fit(again)
    if fitted.outcome == "interrupted":
        raise Stopped(fitted.history)
    familiarise(again, fitted)
    task.objective.recalibrate(fitted.head, measured.head)
    trained.fitted = dataclasses.replace(fitted, history=measured.history)
    task.notes.append(
        f"the figures are those of a head trained on {len(task.data)} rows; the version was then trained in the same "
        f"way on all {len(again.data)}"
    )
