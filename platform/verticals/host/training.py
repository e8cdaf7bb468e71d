"""Around one training run: what is learned from what and how, the run's record, and how it ended."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import verticals
from verticals.contract import (
    BadInput,
    Conflict,
    FitJob,
    FitReport,
    PlatformError,
    Progress,
    Recipe,
    StartFrom,
    suggest,
)

if TYPE_CHECKING:
    from verticals.store import RunLog, RunRecord

    from .examples import Examples
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
    start = _start(head, chosen.start_from) if chosen.start_from else None
    labels = examples.labels
    if start is not None and not head.noun.labels:
        labels = tuple(sorted({*labels, *start.manifest["labels"]}))
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
        examples=_with_groups(examples, chosen),
        labels=labels,
        recipe=chosen,
        dataset_version=rows.version,
        run=run,
        inputs=head.noun.inputs,
        target=head.noun.target,
        resume=resumed is not None,
        progress=_recorded(runs, run, progress),
        start=start,
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
    licence = head.vertical.datasets[head.noun.dataset].licence
    return {
        "plugin": plugin.distribution,
        "plugin_version": plugin.version,
        "host_version": verticals.__version__,
        "dataset": head.noun.dataset,
        **({"licence": licence} if licence else {}),
    }


def _with_groups(examples: Examples, recipe: Recipe) -> Mapping[str, list[dict[str, Any]]]:
    """The examples; those to train on with the column that makes the recipe's groups.

    Raises:
        BadInput: the rows have no such column.
    """
    column = recipe.fairness_by
    if not recipe.fairness:
        return examples.splits
    rows = examples.rows["train"]
    if column not in rows[0]:
        raise BadInput(f"recipe: fairness_by is {column!r}, which the rows don't have.", suggest(column, rows[0]))
    train = [{**example, column: row[column]} for example, row in zip(examples.splits["train"], rows, strict=True)]
    return {**examples.splits, "train": train}


def _start(head: Head, version: str) -> StartFrom:
    """The version to go on from, with what it learned from.

    Raises:
        NotFound: there is no such version, or its data set version is gone.
    """
    registry = head.vertical.host.registry
    name = head.vertical.name, head.name
    record = head.live if version == "live" else registry.get(*name, version)
    if record is None:
        raise head.not_live()
    folder = registry.open(*name, record.version)
    learned = head.vertical.dataset(head.noun.dataset).get(record.dataset_version)
    return StartFrom(record.reference, folder.path, folder.manifest, head.examples(learned).splits)


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
