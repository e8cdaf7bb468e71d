"""What is kept of a run while it trains: how far it is, its curves, and what trackers are told."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from verticals.contract import FitReport, Progress

if TYPE_CHECKING:
    from verticals.store import RunRecord, Store
    from verticals.tuning.trackers import Trackers

_PROGRESS_SECONDS = 1.0
_STEP_SECONDS = 0.2
_WRITE_SECONDS = 5.0
_STEPS_KEPT = 512
_OF_STEPS = frozenset({"epoch", "loss", "learning_rate", "gradient_norm"})

Report = Callable[[Progress], None]


def epoch_of(now: Progress) -> int | None:
    """The epoch whose held-out figures this is, `None` where it reports steps.

    An epoch's report has the stage ``training``, its number as ``epoch``, and the objective's figures.
    """
    if now.stage != "training" or "epoch" not in now.metrics or set(now.metrics) <= _OF_STEPS:
        return None
    return int(now.metrics["epoch"])


class Recorder:
    """Takes every `Progress` of a run, keeps what is worth keeping, and passes it on.

    The curve of steps is thinned as it grows: at most 512 points are kept, evenly spread over the run.

    Args:
        store: where the run's record and its curves are.
        run: the record, as training begins.
        resumed: the run goes on from a checkpoint, which may lie before the last point written.
        trackers: their names.
        folder: where trackers keep files.
        then: called with each `Progress` too.
    """

    def __init__(
        self, store: Store, run: RunRecord, resumed: bool, trackers: Sequence[str], folder: Path, then: Report | None
    ) -> None:
        self._store, self._run, self._resumed, self._then = store, run, resumed, then
        self._names, self._folder = trackers, folder
        self._trackers: Trackers | None = None
        self._places: list[int] | None = None  # of the steps kept; unknown before the first
        self._gap = 0.0  # rows between two points
        self._waiting: list[Any] = []
        self._recorded = self._stepped = self._written = 0.0
        self._epoch = -1
        self._at = 0

    def __call__(self, now: Progress) -> None:
        """Keep one report."""
        moment = time.monotonic()
        self._started()
        epoch = epoch_of(now)
        if moment - self._recorded >= _PROGRESS_SECONDS or epoch not in (None, self._epoch):
            self._recorded = moment
            self._store.runs.update(self._run.id, progress=dataclasses.asdict(now))
        if now.stage == "training":
            self._at = max(self._at, now.done)
        if epoch is not None and epoch != self._epoch:
            self._epoch = epoch
            self._keep("epoch", epoch, now.metrics, "held_out")
            self.write()
        elif epoch is None and now.stage == "training" and "loss" in now.metrics:
            self._step(now, moment)
        if self._then is not None:
            self._then(now)

    def finish(self, report: FitReport | None) -> None:
        """Keep the epochs that were not reported on the way, and the figures at the end; close the trackers."""
        for row in report.history if report is not None else ():
            epoch = int(row.get("epoch", 0))
            if epoch > self._epoch:
                self._epoch = epoch
                self._at = max(self._at, epoch)
                self._keep("epoch", epoch, row, "held_out")
        self.write()
        if report is not None and report.metrics:
            self._tell({f"final/{name}": value for name, value in report.metrics.items()})
        if self._trackers is not None:
            self._trackers.finish()

    def write(self) -> None:
        """Write the points that wait."""
        self._store.curves.add(self._run.id, self._waiting)
        self._waiting.clear()
        self._written = time.monotonic()

    def _step(self, now: Progress, moment: float) -> None:
        if self._places is None:
            self._places = self._places_before(now.done)
        last = self._places[-1] if self._places else -1
        if moment - self._stepped < _STEP_SECONDS or now.done <= last or now.done - last < self._gap:
            return
        self._stepped = moment
        self._places.append(now.done)
        self._keep("step", now.done, now.metrics, "training")
        if len(self._places) > _STEPS_KEPT:
            self._thin()
        elif moment - self._written >= _WRITE_SECONDS:
            self.write()

    def _places_before(self, done: int) -> list[int]:
        """Places of the steps that an earlier process wrote; those beyond the checkpoint will be trained again."""
        if not self._resumed:
            return []
        self._store.curves.forget_steps(self._run.id, after=done - 1)
        places = [point.at for point in self._store.curves.of(self._run.id).steps]
        if len(places) > _STEPS_KEPT // 2:
            self._gap = places[-1] / len(places)
        return places

    def _thin(self) -> None:
        assert self._places is not None  # noqa: S101  # a step was kept
        self.write()
        self._store.curves.forget_steps(self._run.id, at=self._places[1::2])
        self._places = self._places[::2]
        self._gap = self._places[-1] / len(self._places)

    def _keep(self, kind: Literal["step", "epoch"], at: int, figures: Mapping[str, float], group: str) -> None:
        from verticals.store import Point

        own = {name: value for name, value in figures.items() if name != "epoch"}
        self._waiting.append(Point(kind, at, own if kind == "epoch" else dict(figures)))
        named = {f"{group}/{name}": value for name, value in own.items()}
        self._tell(named | {"epoch": float(at)} if kind == "epoch" else named)

    def _tell(self, figures: Mapping[str, float]) -> None:
        if (trackers := self._started()) is not None:
            trackers.log(figures, self._at)

    def _started(self) -> Trackers | None:
        """The trackers; they are made with the first report, when all that training imports is there."""
        if self._trackers is None and self._names:
            from verticals.tuning.trackers import Tracked, Trackers

            run = self._run
            tracked = Tracked(run.id, run.vertical, run.head, run.recipe, self._folder, self._resumed)
            self._trackers = Trackers(self._names, tracked)
        return self._trackers
