"""Being asked to stop, by a flag or by a signal."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from verticals.contract import Progress


class Stopped(Exception):
    """Training was asked to stop.

    Args:
        history: the figures of the epochs that are done.
    """

    def __init__(self, history: Sequence[Mapping[str, float]] = ()) -> None:
        super().__init__()
        self.history = tuple(history)


def counter(say: Callable[[Progress], None], stage: str, total: int, stop: threading.Event) -> Callable[[int], None]:
    """Counts texts and reports them; raises `Stopped` when asked to stop."""
    started, done = time.monotonic(), 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        speed = done / max(time.monotonic() - started, 1e-9)
        say(Progress(stage, done, total, "texts", speed, (total - done) / speed))
        if stop.is_set():
            raise Stopped

    return count


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks training to stop after its step; a second Ctrl-C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
