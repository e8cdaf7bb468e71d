"""Small calls from many threads, computed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

_SMALL = 8  # texts of one call; more are a batch of their own
_MOST = 64  # texts computed together


@dataclass(eq=False, slots=True)
class _Call:
    texts: Sequence[str]
    vectors: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    error: BaseException | None = None
    done: bool = False


class Gathered:
    """Computes what several threads ask for in one go: while one call is computed, those that come meanwhile wait
    for the next, which takes all of them. Who comes alone is not held up, and what was computed just before is not
    computed again: two searches for one message ask for the same text, the second a moment later.

    Args:
        compute: vectors of texts, [n, dimension]; one thread at a time.
    """

    def __init__(self, compute: Callable[[Sequence[str]], np.ndarray]) -> None:
        self._compute = compute
        self._waiting: list[_Call] = []
        self._latest: dict[str, np.ndarray] = {}
        self._changing, self._turn = threading.Lock(), threading.Lock()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of ``texts``, [n, dimension]."""
        if not 0 < len(texts) <= _SMALL:
            return self._compute(texts)
        call = _Call(texts)
        with self._changing:
            self._waiting.append(call)
        while not call.done:
            with self._turn:
                if not call.done:
                    self._answer(self._taken())
        if call.error is not None:
            raise call.error
        return call.vectors

    def _taken(self) -> list[_Call]:
        """The calls that have waited longest."""
        with self._changing:
            count = texts = 0
            while count < len(self._waiting) and texts < _MOST:
                texts += len(self._waiting[count].texts)
                count += 1
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _answer(self, calls: Sequence[_Call]) -> None:
        try:
            texts = dict.fromkeys(text for call in calls for text in call.texts)
            known = {text: self._latest[text] for text in texts if text in self._latest}
            if missing := [text for text in texts if text not in known]:
                known |= zip(missing, self._compute(missing), strict=True)
            self._latest = known
            for call in calls:
                call.vectors = np.stack([known[text] for text in call.texts])
        except BaseException as error:  # noqa: BLE001 - it belongs to all who wait for it
            for call in calls:
                call.error = error
        for call in calls:
            call.done = True
