"""Who waits for an answer: for how long, and whether still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar


class Caller:
    """One client's request, from its arrival until it is answered or given up.

    Args:
        seconds: it waits, at most; `None`: as long as is usual here.
        begin: called when it waits for something, in its event loop: from then on it matters whether it leaves.
    """

    def __init__(self, seconds: float | None = None, begin: Callable[[], None] | None = None) -> None:
        self._begin = begin
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.gone = False
        self._waiting: set[asyncio.Future[object]] = set()

    def leave(self) -> None:
        """The client has gone: nothing more is computed for it. Called in its event loop."""
        self.gone = True
        for future in tuple(self._waiting):
            future.cancel()

    def waits_for(self, future: asyncio.Future[object]) -> None:
        """Cancel ``future`` when the client leaves."""
        if self._begin is not None:
            self._begin()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Whose request is being handled; a web server sets it."""
