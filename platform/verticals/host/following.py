"""An index that follows its head: when another version goes live, its documents are embedded anew in the background."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from verticals.contract import Progress, Unavailable

if TYPE_CHECKING:
    from verticals.retrieval import DocumentIndex

    from .index_models import IndexModels

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 60.0
# Who asks meanwhile waits for a batch at most, and finds the encoder free for at least half of the time.
_BATCH, _SECONDS, _SHARE = 256, 0.05, 0.5


class Follower:
    """A thread that looks every second which version is live, and has the index take it over.

    Args:
        index: open for writing.
        models: of the index.
        name: ``vertical/index``.
    """

    def __init__(self, index: DocumentIndex, models: IndexModels, name: str) -> None:
        self._index, self._models, self._name = index, models, name
        self._stop, self._woken = threading.Event(), threading.Event()
        self._settled = ""
        self._force = False
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name=f"follow {name}", daemon=True)
        self._thread.start()

    def wake(self, *, force: bool) -> None:
        """Look at once; with ``force``, the live version takes over even if it answers worse."""
        self._force = self._force or force
        self._woken.set()

    def close(self) -> None:
        """End the thread; what it is at ends within a batch and goes on another time."""
        self._stop.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        seconds = _LOOK_SECONDS
        while True:
            self._woken.wait(seconds)
            self._woken.clear()
            if self._stop.is_set():
                return
            seconds, force = _LOOK_SECONDS, self._force
            self._force = False
            try:
                self._follow(force)
            except _Overtaken:
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the present vectors serve on
                if self._stop.is_set():
                    return
                told = "" if isinstance(error, Unavailable) else f"{type(error).__name__}: "
                _LOG.warning("%s could not be embedded anew, and is tried again: %s%s", self._name, told, error)
                seconds, self._force = _TRY_AGAIN_SECONDS, self._force or force

    def _follow(self, force: bool) -> None:
        from verticals.retrieval import Pace

        embed, wanted = self._models.wanted()
        if wanted == self._settled and not force:
            return
        facts = self._index.facts()
        under_way = facts.reembedding
        if under_way is not None and under_way.embedding == wanted and under_way.held_back is not None and not force:
            self._settled = wanted
            return
        if facts.documents and facts.embedding != wanted:
            _LOG.info("%s: %s documents are embedded anew by %s", self._name, f"{facts.documents:,}", wanted)

        def overtaken(progress: Progress) -> None:
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _LOOK_SECONDS
                if self._models.wanted()[1] != wanted:
                    raise _Overtaken("Another version is live.")

        pace = Pace(_BATCH, _SECONDS, _SHARE, self._stop)
        done = self._index.reembed(embed, wanted, self._models.questions, force=force, pace=pace, progress=overtaken)
        self._settled = wanted
        if done is None:
            return
        told = f": {done.compared.told()}" if done.compared else ""
        if done.switched:
            _LOG.info("%s is searched by %s now%s", self._name, wanted, told)
        else:
            _LOG.warning("%s stays with %s, for %s answers worse%s", self._name, done.before, wanted, told)


class _Overtaken(Exception):
    """Another version has gone live while the index was being embedded by this one."""
