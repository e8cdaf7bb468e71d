"""Around one training run: what is learned from what and how, the run's record, and how it ended."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import verticals
from verticals.contract import Conflict, FitJob, FitReport, PlatformError, Progress, Recipe

if TYPE_CHECKING:
    from verticals.store import RunLog, RunRecord

    from .head import Head

_RECORD_SECONDS = 1.0


def train(
    head: Head,
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    dataset_version: str | None,
    resume: str | None,
    progress: Callable[[Progress], None] | None,
) -> FitReport:
    """See `Head.train`. However it ends, the run's record says so."""
    host, vertical = head.vertical.host, head.vertical.name
    runs = host.store.runs
    resumed = _resumable(head, runs.get(resume)) if resume else None
    chosen = Recipe().changed(resumed.recipe) if resumed else (recipe or head.noun.recipe).changed(changes or {})
    rows = head.vertical.dataset(head.noun.dataset).get(resumed.dataset_version if resumed else dataset_version)
    examples = head.examples(rows)
    if resumed:
        run = resumed.id
        runs.update(run, status="running")
    else:
        seed, plain = chosen.seed, chosen.to_dict()
        run = runs.start(vertical, head.name, dataset_version=rows.version, recipe=plain, seed=seed).id
    job = FitJob(
        vertical=vertical,
        head=head.name,
        objective=head.noun.objective,
        examples=examples.splits,
        labels=examples.labels,
        recipe=chosen,
        dataset_version=rows.version,
        run=run,
        inputs=head.noun.inputs,
        target=head.noun.target,
        label_texts=head.noun.label_texts,
        unlabelled=examples.unlabelled,
        resume=resumed is not None,
        progress=_recorded(runs, run, progress),
    )
    try:
        report: FitReport = host.manager.hook.fit(job=job)
    except KeyboardInterrupt:
        runs.update(run, status="interrupted")
        raise
    except BaseException as error:
        told = error.message if isinstance(error, PlatformError) else f"{type(error).__name__}: {error}"
        runs.update(run, status="failed", error=told)
        raise
    status = "interrupted" if report.stopped == "interrupted" else "finished"
    runs.update(run, status=status, metrics=report.metrics, version=report.version or None)
    return report


def provenance(head: Head) -> dict[str, str]:
    """What a version's manifest says of where it comes from."""
    plugin = head.vertical.plugin
    return {
        "plugin": plugin.distribution,
        "plugin_version": plugin.version,
        "host_version": verticals.__version__,
        "dataset": head.noun.dataset,
    }


def _recorded(runs: RunLog, run: str, progress: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    """Passes progress on, and writes it to the run's record once a second."""
    recorded = 0.0

    def record(now: Progress) -> None:
        nonlocal recorded
        if time.monotonic() - recorded >= _RECORD_SECONDS:
            recorded = time.monotonic()
            runs.update(run, progress=dataclasses.asdict(now))
        if progress is not None:
            progress(now)

    return record


def _resumable(head: Head, run: RunRecord) -> RunRecord:
    if (run.vertical, run.head) != (head.vertical.name, head.name):
        raise Conflict(
            f"The run {run.id} trains {run.vertical}/{run.head}, not {head.vertical.name}/{head.name}.",
            f"Resume it there: platform train {run.vertical}/{run.head} --resume {run.id}.",
        )
    if run.status != "interrupted":
        raise Conflict(f"The run {run.id} is {run.status}.", "Only an interrupted run can be resumed.")
    return run
