"""Long work, shown: a bar with rate and time left on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from verticals.contract import Progress

from .output import duration, figure, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 5.0
_FIGURES = 3


class ProgressDisplay:
    """Takes `Progress` reports and shows them on standard error; a context manager."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressDisplay:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = [TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[said]}")]
            self._bars = Progress(*columns, console=Console(stderr=True))
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        self.of("", progress)

    def of(self, what: str, progress: Progress) -> None:
        """Show one report of several works, named ``what``."""
        stage = f"{what} {progress.stage}".strip()
        changed = stage != self._stage
        self._stage = stage
        if self._bars is not None:
            self._show_bar(self._bars, stage, progress, changed)
        elif changed or time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            note(f"{stage}: {described(progress)}")

    def end(self) -> None:
        """Take the bar away; a later report brings it back."""
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._stage = None, ""

    def _show_bar(self, bars: Bars, stage: str, progress: Progress, changed: bool) -> None:
        values: dict[str, Any] = {"total": progress.total, "completed": progress.done, "said": described(progress)}
        if changed or self._task is None:
            if self._task is not None:
                bars.remove_task(self._task)
            self._task = bars.add_task(stage, **values)
        else:
            bars.update(self._task, **values)


def described(progress: Progress) -> str:
    """``1,200/9,003 rows, 160 rows/s, 48 s left, loss 0.3120``."""
    parts = [f"{progress.done:,}/{progress.total:,} {progress.unit}"]
    if progress.rate:
        parts.append(f"{progress.rate:,.0f} {progress.unit}/s")
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    parts += [f"{name} {figure(value)}" for name, value in list(progress.metrics.items())[:_FIGURES]]
    return ", ".join(parts)
