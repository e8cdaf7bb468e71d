"""Around one search for a better recipe: its plan, its trials one after the other, and the version that wins."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, FitReport, PlatformError, Progress, Recipe

from .examples import Examples
from .recording import epoch_of
from .training import Ended, run_fit

if TYPE_CHECKING:
    from verticals.store import Drafts, RunRecord
    from verticals.tuning.search import Attempt, Study, Trial
    from verticals.tuning.space import Space

    from .head import Head

_PLAN = "search.json"
_FAILURES = 3
TRIALS = 20

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What a search has found.

    Args:
        id: of the search; its trials are the runs that carry it.
        metric: the figure that trials were compared by, on the validation rows.
        trials: all that have ended, in order.
        best: the one with the highest score.
        recipe: of the best trial, whole.
        version: that the best trial became, a candidate.
        stopped: ``done``, ``time`` or ``interrupted``.
        settings: by name and value, what to change of the head's own recipe to get the best one.
    """

    id: str
    metric: str
    trials: tuple[Trial, ...]
    best: Trial | None
    recipe: Recipe | None
    version: str
    stopped: str
    settings: Mapping[str, Any]

    @property
    def expression(self) -> str:
        """The best recipe as Python, ``Recipe(learning_rate=0.002)``; empty where nothing was found."""
        if self.recipe is None:
            return ""
        return f"Recipe({', '.join(f'{key}={value!r}' for key, value in _differences(Recipe(), self.recipe).items())})"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a search was begun with; it is kept in its folder."""

    id: str
    recipe: dict[str, Any]
    space: dict[str, str]
    dataset_version: str
    trials: int
    usual: dict[str, Any]


def tune(
    head: Head,
    *,
    trials: int | None,
    seconds: float | None,
    space: Mapping[str, str] | None,
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    dataset_version: str | None,
    resume: bool,
    progress: Report | None,
    each: Callable[[Trial], None] | None,
) -> SearchReport:
    """See `Head.tune`."""
    from verticals.files import FileLock
    from verticals.store import Drafts
    from verticals.tuning.search import Study
    from verticals.tuning.space import read_space

    if trials is not None and trials < 1:
        raise BadInput(f"There cannot be {trials} trials.", "Ask for one at least.")
    if seconds is not None and seconds <= 0:
        raise BadInput(f"A search cannot take {seconds:g} s.", "Give it some time, as --time 10m.")
    host = head.vertical.host
    folder = host.runs_folder / "searches" / head.vertical.name / head.name
    plan, examples = (
        _resumed(head, folder, space or recipe or changes or dataset_version)
        if resume
        else _begun(head, folder, trials or TRIALS, space, recipe, changes, dataset_version)
    )
    with FileLock(folder / plan.id / "lock", f"The search {plan.id}"):
        base = Recipe().changed(plan.recipe)
        study = Study(folder / plan.id / "study.db", read_space(plan.space, base), plan.usual, base.seed)
        drafts = Drafts(host.registry, folder / plan.id / "drafts")
        search = _Search(head, plan, base, examples, study, drafts, progress, each)
        with host.saving_to(drafts):
            stopped = search.run(trials or plan.trials, seconds)
        return search.report(stopped)


class _Search:
    """One process's part in a search."""

    def __init__(
        self,
        head: Head,
        plan: _Plan,
        recipe: Recipe,
        examples: Examples,
        study: Study,
        drafts: Drafts,
        progress: Report | None,
        each: Callable[[Trial], None] | None,
    ) -> None:
        from verticals.tuning.objectives import objective_of

        self._head, self._plan, self._recipe, self._examples = head, plan, recipe, examples
        self._study, self._drafts, self._progress, self._each = study, drafts, progress, each
        self._metric = objective_of(head.noun.objective).metric
        self._runs = head.vertical.host.store.runs
        self._deadline: float | None = None

    def run(self, trials: int, seconds: float | None) -> str:
        """Go through trials until there are enough, or the time is over, or Ctrl-C; how it ended."""
        failures = 0
        self._deadline = time.monotonic() + seconds if seconds is not None else None
        try:
            self._settle()
            while len(ended := self._study.trials()) < trials:
                # The first trial is the recipe as it is: without it there would be nothing to show.
                if ended and self._late():
                    return "time"
                if (how := self._one(len(ended) + 1)) in ("time", "interrupted"):
                    return how
                failures = failures + 1 if how == "failed" else 0
                last = self._study.trials()[-1]
                self._keep_the_best()
                if self._each is not None:
                    self._each(last)
                if how == "failed" and (failures == _FAILURES or not ended):
                    raise PlatformError(
                        f"{'The first trial' if not ended else f'{failures} trials in a row'} failed: {last.error}",
                        "Correct the recipe or narrow what is searched.",
                    )
        except KeyboardInterrupt:
            return "interrupted"
        return "done"

    def report(self, stopped: str) -> SearchReport:
        """What was found so far; the best trial becomes a version."""
        from verticals.tuning.search import best_of

        trials = self._study.trials()
        best = best_of(trials)
        recipe, version = None, ""
        if best is not None:
            recipe = self._recipe.changed(best.changes)
            record = self._drafts.adopt(self._head.vertical.name, self._head.name, best.run)
            if record is not None:
                self._runs.update(best.run, version=record.version)
            version = self._runs.get(best.run).version or ""
        settings = _differences(self._head.noun.recipe, recipe) if recipe else {}
        return SearchReport(self._plan.id, self._metric, tuple(trials), best, recipe, version, stopped, settings)

    def _one(self, number: int) -> str:
        """One trial; how it ended, as a state of `Trial`, or ``time`` or ``interrupted``, which leave it unfinished."""
        attempt = self._study.ask()
        before = self._earlier(attempt)
        started = time.monotonic()
        try:
            report = run_fit(
                self._head,
                self._recipe.changed(attempt.changes),
                self._plan.dataset_version,
                self._examples,
                resumed=before,
                search=self._plan.id,
                started=lambda run: self._study.begin(attempt, run),
                progress=lambda now: self._watch(attempt, number, now),
            )
        except Ended as ended:
            if ended.status == "interrupted":
                return "time"
            self._study.end(attempt, "pruned", seconds=time.monotonic() - started)
            return "pruned"
        except Exception as error:  # noqa: BLE001 - one recipe that cannot be trained does not end the search
            told = error.message if isinstance(error, PlatformError) else f"{type(error).__name__}: {error}"
            self._study.end(attempt, "failed", seconds=time.monotonic() - started, error=told)
            return "failed"
        if report.stopped == "interrupted":
            return "interrupted"
        self._catch_up(attempt, report)
        self._study.end(attempt, "finished", report.metrics[self._metric], time.monotonic() - started)
        return "finished"

    def _watch(self, attempt: Attempt, number: int, now: Progress) -> None:
        """Passes progress on; raises `Ended` where the trial is hopeless or the time is over."""
        if self._progress is not None:
            self._progress(dataclasses.replace(now, stage=f"trial {number} {now.stage}"))
        epoch = epoch_of(now)
        figure = now.metrics.get(self._metric)
        if epoch is not None and figure is not None and self._study.hopeless(attempt, epoch, figure):
            raise Ended("pruned")
        if number > 1 and now.stage == "training" and self._late():
            raise Ended("interrupted")

    def _catch_up(self, attempt: Attempt, report: FitReport) -> None:
        """Note the epochs that were not reported on the way."""
        for row in report.history:
            if row.get("epoch") and self._metric in row:
                self._study.hopeless(attempt, int(row["epoch"]), row[self._metric])

    def _earlier(self, attempt: Attempt) -> RunRecord | None:
        """The run that an attempt goes on with, its epochs noted; `None` where it begins anew."""
        if attempt.run is None:
            return None
        for point in self._head.vertical.host.store.curves.of(attempt.run).epochs:
            figure = point.figures.get(self._metric)
            if figure is not None and point.at > 0:
                self._study.hopeless(attempt, point.at, figure)
        return self._runs.get(attempt.run)

    def _settle(self) -> None:
        """See what became of trials that an earlier process has not ended."""
        for number, run in self._study.unfinished():
            record = self._runs.get(run) if run else None
            status = record.status if record else ""
            if record and status == "finished" and self._metric in record.metrics:
                self._study.settle(number, "finished", record.metrics[self._metric])
            elif status == "pruned":
                self._study.settle(number, "pruned")
            else:
                self._study.repeat(number, run if status == "interrupted" else None)
        self._keep_the_best()

    def _keep_the_best(self) -> None:
        from verticals.tuning.search import best_of

        best = best_of(self._study.trials())
        self._drafts.drop_all_but({best.run} if best else ())

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline


def _begun(
    head: Head,
    folder: Path,
    trials: int,
    space: Mapping[str, str] | None,
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    dataset_version: str | None,
) -> tuple[_Plan, Examples]:
    """A new search. Nothing is kept before everything about it is known to be right."""
    from verticals.files import write_file
    from verticals.tuning.methods import choose_method
    from verticals.tuning.space import check_space, default_space, read_space, usual, write_space

    chosen = (recipe or head.noun.recipe).changed(changes or {})
    if chosen.together:
        raise BadInput(
            f"recipe: together is {chosen.together!r}; a search trains one head.",
            "Search for it alone (--set together=), then train together by what was found.",
        )
    asked = read_space(space, chosen) if space else None
    if asked is not None:
        check_space(asked, chosen, changes or {})
    rows = head.vertical.dataset(head.noun.dataset).get(dataset_version)
    examples = _without_test(head.examples(rows))
    count = len(examples.splits.get("train", ()))
    if not count:
        raise BadInput(f"{head.vertical.name}/{head.name} has no training rows.", "Import some, then search.")
    method, epochs, _ = choose_method(chosen, count, len(examples.labels), 0)
    rank = head.vertical.host.encoder.bank.rank
    if asked is None:
        fixed = {key.replace("-", "_") for key in changes or {}}
        asked = {key: part for key, part in default_space(chosen, method, epochs, rank).items() if key not in fixed}
        check_space(asked, chosen, {})
    _check_rank(asked, rank)
    start = usual(asked, chosen, method, epochs)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    plan = _Plan(name, chosen.to_dict(), write_space(asked), rows.version, trials, start)
    write_file(folder / name / _PLAN, json.dumps(dataclasses.asdict(plan), indent=2).encode())
    return plan, examples


def _resumed(head: Head, folder: Path, more: Any) -> tuple[_Plan, Examples]:
    """The newest search of the head."""
    if more:
        raise BadInput(
            "A search that goes on keeps its recipe, its space and its rows.",
            "Leave out --set, --search and --data-version, or begin a new one without --resume.",
        )
    plans = sorted(folder.glob(f"*/{_PLAN}"))
    if not plans:
        name = f"{head.vertical.name}/{head.name}"
        raise BadInput(f"There is no search of {name} to go on with.", f"Begin one: platform tune {name}.")
    plan = _Plan(**json.loads(plans[-1].read_text(encoding="utf-8")))
    rows = head.vertical.dataset(head.noun.dataset).get(plan.dataset_version)
    return plan, _without_test(head.examples(rows))


def _without_test(examples: Examples) -> Examples:
    """The test rows have no part in choosing a recipe."""
    return Examples({name: rows for name, rows in examples.splits.items() if name != "test"}, examples.labels)


def _check_rank(space: Space, rank: int) -> None:
    from verticals.tuning.space import Span

    part = space.get("lora_rank")
    highest = 0 if part is None else part.high if isinstance(part, Span) else max(part.values)
    if highest > rank:
        raise BadInput(f"lora_rank is searched up to {highest:g}; adapters are served up to rank {rank}.", "Lower it.")


def _differences(before: Recipe, after: Recipe) -> dict[str, Any]:
    plain = before.to_dict()
    return {key: value for key, value in after.to_dict().items() if value != plain[key]}
