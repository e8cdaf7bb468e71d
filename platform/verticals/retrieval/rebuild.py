"""Another dense part in the making, in a thread of its own, while searches go on with the present one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .dense import Dense

_LOG = logging.getLogger(__name__)


class Rebuild:
    """A thread that makes a `Dense`.

    Args:
        make: gives it, or `None` when there is none or its argument said stop. What it raises is logged.
    """

    def __init__(self, make: Callable[[Callable[[], bool]], Dense | None]) -> None:
        self._make = make
        self._stop = threading.Event()
        self._result: Dense | None = None
        self._thread = threading.Thread(target=self._run, name="index-rebuild", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether `take` answers at once."""
        return not self._thread.is_alive()

    def take(self) -> Dense | None:
        """What came of it, once it is there; it contains all changes up to the one at which it began."""
        self._thread.join()
        return self._result

    def leave(self) -> None:
        """Make it stop, without waiting: what comes of it is of no use any more."""
        self._stop.set()

    def cancel(self) -> None:
        """Make it stop, and wait until it has."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._result = self._make(self._stop.is_set)
        except Exception:  # noqa: BLE001 - whatever it is, the present index serves on
            if not self._stop.is_set():
                _LOG.exception("The index could not be built as another kind; it stays as it is.")
