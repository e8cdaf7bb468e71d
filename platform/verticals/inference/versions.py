"""Which versions are in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from verticals.contract import Unavailable

from .loaded import Loaded

Key = tuple[str, str, str]  # vertical, head, version


class Full(Unavailable):
    """The versions in use leave no memory for another."""


class Versions:
    """Loads versions when they are first asked for; beyond a budget of memory the longest unused ones go.

    A version that is being loaded keeps nobody waiting but those who ask for it.

    Args:
        load: reads a version and checks it.
        budget: bytes that the versions in memory may take beside the shared encoder. One alone may take more.
    """

    def __init__(self, load: Callable[[str, str, str], Loaded], budget: int) -> None:
        self._load, self.budget = load, budget
        self._kept: OrderedDict[Key, Loaded] = OrderedDict()
        self._loading: set[Key] = set()
        self._changed = threading.Condition()

    @property
    def bytes(self) -> int:
        """What the versions in memory take."""
        return sum(loaded.bytes for loaded in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    @contextmanager
    def using(self, key: Key) -> Iterator[Loaded]:
        """A version that stays in memory throughout the block.

        Raises:
            NotFound: there is no such version.
            Damaged: its files do not match their checksums.
            Full: those in use leave no memory for it.
        """
        loaded = self._taken(key)
        try:
            yield loaded
        finally:
            with self._changed:
                loaded.users -= 1

    def _taken(self, key: Key) -> Loaded:
        with self._changed:
            while key in self._loading:
                self._changed.wait()
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                found.users += 1
                return found
            self._loading.add(key)
        loaded: Loaded | None = None
        try:
            loaded = self._load(*key)
            with self._changed:
                self._make_room(loaded.bytes)
                loaded.users = 1
                self._kept[key] = loaded
            return loaded
        except Full:
            if loaded is not None:
                loaded.unload()
            raise
        finally:
            with self._changed:
                self._loading.discard(key)
                self._changed.notify_all()

    def _make_room(self, wanted: int) -> None:
        """Put versions away that nobody uses, longest unused first, until ``wanted`` bytes fit."""
        for key in [key for key, loaded in self._kept.items() if not loaded.users]:
            if self.bytes + wanted <= self.budget:
                return
            self._kept.pop(key).unload()
        if self._kept and self.bytes + wanted > self.budget:
            raise Full(
                f"The {len(self._kept)} versions in use leave no memory for another ({self.budget >> 20} MB for all).",
                "Try again in a moment, or give more by PLATFORM_LOADED_MEMORY.",
            )
