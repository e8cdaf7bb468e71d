"""Several heads trained in one pass: whose recipe counts, their runs, and how the ``fit`` hook sees them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, Conflict, FitJob, FitReport, PluginError, Progress, Recipe

from .training import (
    begin,
    check_resumable,
    check_trackers_of,
    check_unchanged,
    follows,
    job_of,
    joined,
    recorded,
)

if TYPE_CHECKING:
    from verticals.store import RunRecord

    from .head import Head
    from .host import Host

_KEPT = "together.json"  # in the folder of each run: the runs of all heads, in their order
Tell = Callable[[Progress], None]


def head_of(host: Host, name: str) -> Head:
    """The head written as ``vertical/head``.

    Raises:
        BadInput: it is not written so.
        NotFound: there is no such head.
    """
    vertical, slash, head = name.strip().partition("/")
    if not slash:
        raise BadInput(f"{name!r} is no name of a head.", "Write it as VERTICAL/HEAD.")
    return host[vertical].head(head)


def partners(
    head: Head, recipe: Recipe | None, changes: Mapping[str, Any] | None, resume: str | None = None
) -> list[Head]:
    """The heads that are trained when this one is: those its recipe, or the run to resume, names; else it alone."""
    host = head.vertical.host
    if resume is not None:
        named = host.store.runs.get(resume).recipe.get("together", "")
    else:
        named = (recipe or head.noun.recipe).changed(changes or {}).together
    names = [name.strip() for name in named.split(",")] if named else []
    own = _name(head)
    if own not in names:
        names = [own, *names]
    return [head if name == own else head_of(host, name) for name in names]


def train(
    heads: Sequence[Head],
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    dataset_version: str | None,
    resume: str | None,
    progress: Tell | None,
) -> list[FitReport]:
    """See `Host.train_together`. However it ends, the runs' records say so."""
    with joined():
        host = heads[0].vertical.host if heads else None
        names = [_name(head) for head in heads]
        if host is None or len(set(names)) < 2 or len(set(names)) < len(names):
            raise BadInput(
                f"Heads to train together: {', '.join(names) or 'none'}.", "Name two or more, each of them once."
            )
        check_unchanged(resume, recipe, changes, dataset_version)
        runs: Sequence[RunRecord | None] = [None] * len(heads)
        if resume is not None:
            heads, runs = _resumed(host, heads, resume)
            chosen = Recipe().changed(next(run.recipe for run in runs if run is not None))
        else:
            chosen = _recipe_of_all(heads, recipe, changes or {})
        check_trackers_of(host)
        jobs = []
        for head, run in zip(heads, runs, strict=True):
            rows = head.vertical.dataset(head.noun.dataset).get(run.dataset_version if run else dataset_version)
            jobs.append(job_of(head, chosen, rows.version, head.examples(rows), run))
        reports = _run(host, heads, jobs, runs, progress)
        by_name = {_name(head): report for head, report in zip(heads, reports, strict=True)}
        return [by_name[name] for name in names]


def _recipe_of_all(heads: Sequence[Head], recipe: Recipe | None, changes: Mapping[str, Any]) -> Recipe:
    """The first head's recipe, changed; it says which heads are trained by it.

    Raises:
        BadInput: it cannot be that of all.
    """
    from verticals.tuning.together import check_together

    names = [_name(head) for head in heads]
    chosen = (recipe or heads[0].noun.recipe).changed(changes)
    if recipe is None and "encoder" not in changes:
        for head in heads:
            if head.noun.recipe.encoder != chosen.encoder:
                own, other = (
                    encoder or "that of the platform" for encoder in (chosen.encoder, head.noun.recipe.encoder)
                )
                raise BadInput(
                    f"{names[0]} has the encoder {own}, {_name(head)} has {other}; together they share one.",
                    "Say which: --set encoder=NAME (empty for the platform's).",
                )
    check_together(chosen, {_name(head): head.noun.objective for head in heads})
    return dataclasses.replace(chosen, together=",".join(names))


def _run(
    host: Host,
    heads: Sequence[Head],
    jobs: Sequence[FitJob],
    resumed: Sequence[RunRecord | None],
    progress: Tell | None,
) -> list[FitReport]:
    """The jobs, each with its run's record and curves."""
    if follows():
        return _fit(host, jobs, progress)
    runs = [begin(*each) for each in zip(heads, jobs, resumed, strict=True)]
    _remember(host, runs)
    with ExitStack() as stack:
        kept = [
            stack.enter_context(recorded(host, run, job.resume, checkpoint=runs[0].id))
            for run, job in zip(runs, jobs, strict=True)
        ]
        own = [
            dataclasses.replace(job, run=run.id, progress=one.recorder)
            for job, run, one in zip(jobs, runs, kept, strict=True)
        ]
        reports = _fit(host, own, progress)
        for one, report in zip(kept, reports, strict=True):
            one.report = report
    return reports


def _fit(host: Host, jobs: Sequence[FitJob], progress: Tell | None) -> list[FitReport]:
    """Call the ``fit`` hook for each job within the one before; the innermost trains them all.

    So every wrapper sees its job begin and end as if the head were trained alone.

    Raises:
        PluginError: a plugin has trained one of them in a way of its own.
    """
    entered: list[FitJob] = []
    own: list[FitReport] = []
    reports: list[FitReport | None] = [None] * len(jobs)

    def call(place: int) -> None:
        reports[place] = host.manager.hook.fit(job=jobs[place])
        if not own:
            alone = jobs[len(entered)]
            raise PluginError(
                f"A plugin trains {alone.vertical}/{alone.head} in a way of its own: it cannot share a body.",
                "Train it alone.",
            )

    def innermost(job: FitJob) -> FitReport:
        place = len(entered)
        entered.append(job)
        if len(entered) < len(jobs):
            call(len(entered))
        else:
            from verticals.tuning import fit_together

            shop = host.workshop(jobs[0])
            shops = [dataclasses.replace(shop, provenance=host.workshop(one).provenance) for one in entered]
            own.extend(fit_together(entered, shops, progress))
        return own[place]

    with host.fitting_by(innermost):
        call(0)
    return [report for report in reports if report is not None]


def _remember(host: Host, runs: Sequence[RunRecord]) -> None:
    """Keep with each run which ones belong together."""
    from verticals.files import write_file

    content = json.dumps([run.id for run in runs]).encode()
    for run in runs:
        write_file(host.runs_folder / run.id / _KEPT, content)


def _resumed(host: Host, heads: Sequence[Head], run: str) -> tuple[list[Head], list[RunRecord]]:
    """The heads in the order in which they were trained, and their runs.

    Raises:
        Conflict: the run trains other heads, or none of its runs was interrupted.
        BadInput: it was stopped before anything was kept.
    """
    record = host.store.runs.get(run)
    names = [name for name in record.recipe.get("together", "").split(",") if name]
    by_name = {_name(head): head for head in heads}
    if set(names) != set(by_name):
        trained = " ".join(names) or f"{record.vertical}/{record.head}"
        raise Conflict(
            f"The run {run} trains {trained}, not {' '.join(by_name)}.",
            f"Resume it there: platform train {trained} --resume {run}.",
        )
    path = host.runs_folder / run / _KEPT
    if not path.is_file():
        raise BadInput(f"The run {run} was stopped before anything was kept.", f"Train {' '.join(names)} again.")
    records = [host.store.runs.get(one) for one in json.loads(path.read_text(encoding="utf-8"))]
    in_order = [by_name[f"{one.vertical}/{one.head}"] for one in records]
    for head, one in zip(in_order, records, strict=True):
        check_resumable(head, one)
    states = {one.status for one in records}
    if not follows() and not {"interrupted"} <= states <= {"interrupted", "finished"}:
        state = next(one.status for one in records if one.status != "interrupted")
        raise Conflict(f"The run {run} is {state}.", "Only an interrupted run can be resumed.")
    return in_order, records


def _name(head: Head) -> str:
    return f"{head.vertical.name}/{head.name}"
