"""Around one training run: what is learned from what and how, the run's record, and how it ended."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import verticals
from verticals.contract import (
    BadInput,
    Conflict,
    Damaged,
    FitJob,
    FitReport,
    PlatformError,
    Progress,
    Recipe,
    StartFrom,
    StorageError,
    suggest,
)

from .recording import Recorder

if TYPE_CHECKING:
    from verticals.store import RunRecord

    from .examples import Examples
    from .head import Head
    from .host import Host


def train(
    head: Head,
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    dataset_version: str | None,
    resume: str | None,
    progress: Callable[[Progress], None] | None,
) -> FitReport:
    """See `Head.train`. However it ends, the run's record says so."""
    with joined():
        runs = head.vertical.host.store.runs
        check_unchanged(resume, recipe, changes, dataset_version)
        resumed = None if resume is None else runs.get(resume) if follows() else _resumable(head, runs.get(resume))
        chosen = Recipe().changed(resumed.recipe) if resumed else (recipe or head.noun.recipe).changed(changes or {})
        rows = head.vertical.dataset(head.noun.dataset).get(resumed.dataset_version if resumed else dataset_version)
        return run_fit(head, chosen, rows.version, head.examples(rows), resumed=resumed, progress=progress)


def check_unchanged(
    resume: str | None, recipe: Recipe | None, changes: Mapping[str, Any] | None, dataset_version: str | None
) -> None:
    """Refuse to resume a run with another recipe or other rows.

    Raises:
        BadInput: it is asked for.
    """
    if resume is not None and (recipe or changes or dataset_version):
        raise BadInput(
            "A run that is resumed keeps its recipe and its rows.", "Leave out what changes them, or start anew."
        )


def follows() -> bool:
    """Whether this process only helps another to train, as those that `torchrun` starts beside the first do."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and int(os.environ.get("RANK", "0")) > 0


def joined() -> AbstractContextManager[None]:
    """The other processes that `torchrun` started, joined; nothing where there are none."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return nullcontext()
    from verticals.tuning import processes

    return processes.joined()


def run_fit(
    head: Head,
    recipe: Recipe,
    dataset_version: str,
    examples: Examples,
    *,
    resumed: RunRecord | None = None,
    search: str | None = None,
    started: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> FitReport:
    """One call of the ``fit`` hook, with its run's record and curves.

    Args:
        resumed: the run to go on with; a new one is begun without.
        search: the search whose trial it is.
        started: told the run's id before training begins.
        progress: called with each report. It may raise `Ended`, which ends training there and goes on to the caller.
    """
    host = head.vertical.host
    check_trackers_of(host)
    job = job_of(head, recipe, dataset_version, examples, resumed)
    if follows():
        helped: FitReport = host.manager.hook.fit(job=job)
        return helped
    run = begin(head, job, resumed, search)
    if started is not None:
        started(run.id)
    with recorded(host, run, job.resume, progress) as kept:
        kept.report = host.manager.hook.fit(job=dataclasses.replace(job, run=run.id, progress=kept.recorder))
    return kept.report


def begin(head: Head, job: FitJob, resumed: RunRecord | None, search: str | None = None) -> RunRecord:
    """The record of a run that begins, or goes on."""
    runs = head.vertical.host.store.runs
    if resumed is not None:
        runs.update(resumed.id, status="running", error="")
        return resumed
    return runs.start(
        job.vertical, job.head, dataset_version=job.dataset_version, recipe=job.recipe.to_dict(),
        seed=job.recipe.seed, search=search,
    )  # fmt: skip


@dataclass(slots=True)
class Kept:
    """A run that is being recorded; its ``report`` is set once there is one."""

    recorder: Recorder
    report: FitReport | None = None


@contextmanager
def recorded(
    host: Host,
    run: RunRecord,
    resumed: bool,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: str = "",
) -> Iterator[Kept]:
    """Keep what a run tells within the block; however it ends, its record says so.

    Args:
        host: whose runs are recorded.
        run: that begins, or goes on.
        resumed: whether it goes on.
        progress: told what the run tells.
        checkpoint: the run that keeps the checkpoint, where it is another one.
    """
    runs = host.store.runs
    recorder = Recorder(host.store, run, resumed, host.settings.trackers, host.runs_folder, progress)
    kept = Kept(recorder)
    try:
        yield kept
    except Ended as ended:
        if ended.status == "pruned":
            shutil.rmtree(host.runs_folder / run.id, ignore_errors=True)
        runs.update(run.id, status=ended.status)
        raise
    except KeyboardInterrupt:
        runs.update(run.id, status="interrupted")
        raise
    except PlatformError as error:
        there = run.search is None and any((host.runs_folder / (checkpoint or run.id)).glob("checkpoint*.pt"))
        goes_on = there and not isinstance(error, BadInput | Damaged)
        with suppress(StorageError):  # of a disk that is full: what it kept from being done is told first
            runs.update(run.id, status="interrupted" if goes_on else "failed", error=error.message)
        if goes_on and not isinstance(error, Conflict) and "--resume" not in error.remedy:
            heads = run.recipe.get("together", "").replace(",", " ") or f"{run.vertical}/{run.head}"
            error.remedy += f" Then go on with: platform train {heads} --resume {run.id}"
        raise
    except BaseException as error:
        runs.update(run.id, status="failed", error=f"{type(error).__name__}: {error}")
        raise
    finally:
        with suppress(StorageError) if kept.report is None else nullcontext():
            recorder.finish(kept.report)
    report = kept.report
    assert report is not None  # noqa: S101  # the host's own fit always gives one
    status = "interrupted" if report.stopped == "interrupted" else "finished"
    runs.update(run.id, status=status, metrics=report.metrics, version=report.version or None)


def job_of(
    head: Head, recipe: Recipe, dataset_version: str, examples: Examples, resumed: RunRecord | None = None
) -> FitJob:
    """What the ``fit`` hook is given; a run that has not begun yet has the id ``none``."""
    start = _start(head, recipe.start_from) if recipe.start_from else None
    labels = examples.labels
    if start is not None and not head.noun.labels:
        labels = tuple(sorted({*labels, *start.manifest["labels"]}))
    return FitJob(
        vertical=head.vertical.name,
        head=head.name,
        objective=head.noun.objective,
        examples=_with_groups(examples, recipe),
        labels=labels,
        recipe=recipe,
        dataset_version=dataset_version,
        run=resumed.id if resumed is not None else "none",
        inputs=head.noun.inputs,
        target=head.noun.target,
        label_texts=head.noun.label_texts,
        unlabelled=examples.unlabelled,
        resume=resumed is not None,
        start=start,
    )


class Ended(Exception):
    """Raised by a search from within the progress of a trial, to end its training.

    Args:
        status: of the run: ``pruned`` where it promises too little, and its checkpoint goes; ``interrupted`` where it
            may go on another time.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def check_trackers_of(host: Host) -> None:
    """Refuse trackers that are not there, before anything is trained."""
    if host.settings.trackers:
        from verticals.tuning.trackers import check_trackers

        check_trackers(host.settings.trackers)


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


def _resumable(head: Head, run: RunRecord) -> RunRecord:
    check_resumable(head, run)
    if run.status != "interrupted":
        raise Conflict(f"The run {run.id} is {run.status}.", "Only an interrupted run can be resumed.")
    return run


def check_resumable(head: Head, run: RunRecord) -> None:
    """Refuse to go on with a run of another head, or with a trial.

    Raises:
        Conflict: it is one.
    """
    if (run.vertical, run.head) != (head.vertical.name, head.name):
        raise Conflict(
            f"The run {run.id} trains {run.vertical}/{run.head}, not {head.vertical.name}/{head.name}.",
            f"Resume it there: platform train {run.vertical}/{run.head} --resume {run.id}.",
        )
    if run.search is not None:
        raise Conflict(
            f"The run {run.id} is a trial of a search.",
            f"Go on with the search: platform tune {run.vertical}/{run.head} --resume.",
        )
