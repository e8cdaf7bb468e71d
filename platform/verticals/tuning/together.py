"""Several heads from prepared examples to saved versions, trained in one pass on one shared body."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from verticals.contract import BadInput, FitJob, FitReport, Progress, Recipe

from .finishing import Trained, finished, floor_of, save
from .interruption import Stopped, stopped_by_signals
from .loop import train
from .methods import Fitted, Full, Gradient, Lora, Task, starting_head
from .objectives import Objective, objective_of
from .preparing import choose, parted, read
from .work import Together, Work, figures_of
from .workshop import Workshop

Tell = Callable[[Progress], None]
_METHODS: Mapping[str, Gradient] = {method.name: method for method in (Lora(), Full())}
# Of a recipe: what goes on from one head's own body, or trains it a second time.
_ALONE = ("start_from", "pseudo_labels", "refit")


def check_together(recipe: Recipe, objectives: Mapping[str, str]) -> None:
    """Refuse what cannot be trained in one pass.

    Args:
        recipe: of all heads.
        objectives: by head.

    Raises:
        BadInput: the method has no body that heads could share, or the recipe or a head asks for one of its own.
    """
    if recipe.method not in ("auto", *_METHODS):
        raise BadInput(
            f"recipe: method is {recipe.method!r}; heads are trained together by 'lora' or 'full'.",
            "Choose one of them (--method lora), or train each head alone.",
        )
    for name in _ALONE:
        if value := getattr(recipe, name):
            raise BadInput(
                f"recipe: {name} is {value!r}, which heads that are trained together cannot have.",
                f"Clear it ({name}={type(value)()!s}), or train each head alone.",
            )
    for name, objective in objectives.items():
        if objective_of(objective).reads == "itself":
            raise BadInput(
                f"{name} has a network of its own (its objective is {objective!r}): there is nothing to share.",
                "Train it alone.",
            )


def fit_together(
    jobs: Sequence[FitJob], workshops: Sequence[Workshop], progress: Tell | None = None
) -> list[FitReport]:
    """Train several heads in one pass on one shared body, and save each as a version of its own.

    Each version is whole by itself: its head, and a copy of the shared adapter or weights. Each is calibrated,
    measured and held against its own floor as by `fit`; a head that stays below is saved alone, the others as trained.
    The epoch that is kept is the best by the mean of the heads' metrics. All stop together, and go on together from
    the checkpoint in the first job's run.

    Args:
        jobs: of different heads, all with the same recipe; each one's own progress is told of its own share.
        workshops: of each job; they differ in provenance only.
        progress: told of everything once, with the head's name where only one is at work.

    Raises:
        BadInput: they cannot be trained together, or there are too few rows; and as by `fit`.
    """
    started = time.monotonic()
    names = [f"{job.vertical}/{job.head}" for job in jobs]
    recipe, shop = jobs[0].recipe, workshops[0]
    check_together(recipe, {name: job.objective for name, job in zip(names, jobs, strict=True)})
    method, tasks = _tasks(names, jobs, shop, progress)

    def tell(now: Progress) -> None:
        for name, job in zip(names, jobs, strict=True):
            if job.progress is not None:
                job.progress(dataclasses.replace(now, metrics=figures_of(name, now.metrics)))
        if progress is not None:
            progress(now)

    with stopped_by_signals(shop.stop):
        try:
            trained = _pass(method, tasks, tell)
        except Stopped as stopped:
            seconds = time.monotonic() - started
            return [
                FitReport("", {}, _history(name, stopped.history), seconds, "interrupted", tuple(task.notes))
                for name, task in tasks.items()
            ]
    seconds = time.monotonic() - started
    reports = [
        save(task, one, workshop, seconds)
        for task, one, workshop in zip(tasks.values(), trained, workshops, strict=True)
    ]
    if shop.processes.first:
        next(iter(tasks.values())).checkpoint.unlink(missing_ok=True)
    return reports


def _tasks(
    names: Sequence[str], jobs: Sequence[FitJob], shop: Workshop, progress: Tell | None
) -> tuple[Gradient, dict[str, Task]]:
    """A method that suits the rows of all heads, and what each learns from."""
    objectives: list[Objective] = [objective_of(job.objective)(job.inputs, job.target) for job in jobs]
    encoder = shop.encoder_for(jobs[0].recipe, objectives[0])
    readings = [
        read(dataclasses.replace(job, progress=partial(_tell_of, name, job.progress, progress)), objective, encoder)
        for name, job, objective in zip(names, jobs, objectives, strict=True)
    ]
    method, epochs, why = choose(readings)
    if method not in _METHODS:
        raise BadInput(
            f"Together {' and '.join(names)} are better trained as heads alone: {why}.",
            "Train each alone, import more rows, or choose a method: --method lora.",
        )
    versions = {name: job.dataset_version for name, job in zip(names, jobs, strict=True)}
    tasks = {}
    for name, reading in zip(names, readings, strict=True):
        task = parted(reading, (method, epochs, why), shop.runs / jobs[0].run, shop.stop, shop.processes)
        others = [f"{other} (data {version})" for other, version in versions.items() if other != name]
        task.notes.append(
            f"trained together with {' and '.join(others)} on one shared body; the epoch kept is the best by the mean "
            "of their metrics"
        )
        tasks[name] = dataclasses.replace(task, together=versions)
    return _METHODS[method], tasks


def _pass(method: Gradient, tasks: Mapping[str, Task], tell: Tell) -> list[Trained]:
    """The floors, then the shared training; each head calibrated and measured.

    Raises:
        Stopped: training was asked to stop.
    """
    first = next(iter(tasks.values()))
    for task in tasks.values():
        task.floor = floor_of(task)
    body = method.body(first)
    works = {
        name: Work(body, starting_head(task), task.objective, task.data, task.held_out, task.recipe)
        for name, task in tasks.items()
    }

    def note(told: str) -> None:
        for task in tasks.values():
            task.notes.append(told)

    state, outcome = train(
        Together(works), first.recipe, first.checkpoint,
        resume=first.job.resume, stop=first.stop, report=tell, processes=first.processes, note=note,
    )  # fmt: skip
    if outcome == "interrupted":
        raise Stopped(state.history)
    trained = []
    for name, task in tasks.items():
        history = _history(name, state.history)
        best = state.best_epoch
        figure = history[best][task.objective.metric] if best >= 0 else -math.inf  # no epoch gave a number
        trained.append(finished(task, method, Fitted(works[name].head, body, [*history], figure, outcome)))
    return trained


def _history(name: str, history: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], ...]:
    """Of the shared history one head's share."""
    return tuple(figures_of(name, figures) for figures in history)


def _tell_of(name: str, own: Tell | None, everyone: Tell | None, now: Progress) -> None:
    """Tell of one head's work: its own progress, and everyone's, which is told whose it is."""
    if own is not None:
        own(now)
    if everyone is not None:
        everyone(dataclasses.replace(now, stage=f"{name} {now.stage}"))
