"""The open index behind a handle: shared by the calls that use it, and exchanged or closed when none of them does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verticals.retrieval import DocumentIndex


@dataclass(slots=True)
class _Lease:
    index: DocumentIndex
    users: int = 0
    save: bool = True


class Leases:
    """One index, opened when it is first used.

    An index that is to be closed or exchanged is closed by the last call that uses it, so no search is cut off.

    Args:
        folder: of the index. Where it was removed meanwhile, the index is opened anew, and nothing of the old is saved.
        opens: opens the index, for reading only where another process writes to it.
        opens_for_writing: opens it for writing.
    """

    def __init__(
        self,
        folder: Path,
        opens: Callable[[], DocumentIndex],
        opens_for_writing: Callable[[], DocumentIndex],
    ) -> None:
        self._folder, self._open, self._open_for_writing = folder, opens, opens_for_writing
        self._lease: _Lease | None = None
        self._lock = threading.Lock()

    @property
    def index(self) -> DocumentIndex:
        """The index, opened on first use; for those who use it for as long as the host is open."""
        with self._lock:
            return self._current().index

    @contextmanager
    def use(self, *, writing: bool = False) -> Iterator[DocumentIndex]:
        """The index for the length of a block; for ``writing``, an index that is open for reading only is opened again.

        Raises:
            Conflict: it is to be written, and another process writes to it.
        """
        with self._lock:
            lease = self._current()
            if writing and not lease.index.writable:
                fresh = _Lease(self._open_for_writing())
                self._retire()
                self._lease = lease = fresh
            lease.users += 1
        try:
            yield lease.index
        finally:
            with self._lock:
                lease.users -= 1
                left = lease is not self._lease and not lease.users
            if left:
                lease.index.close(save=lease.save)

    def close(self, *, idle: bool = False) -> bool:
        """Close the index; with ``idle`` only where nobody uses it. Whether it is closed now."""
        with self._lock:
            if idle and self._lease is not None and self._lease.users:
                return False
            if not idle and self._lease is not None:
                self._lease.users = 0  # the host is closing: who still searches is told so
            self._retire()
            return True

    def _current(self) -> _Lease:
        if self._lease is not None and not (self._folder / "documents.db").exists():
            self._retire(save=False)
        if self._lease is None:
            self._lease = _Lease(self._open())
        return self._lease

    def _retire(self, *, save: bool = True) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        lease.save = save
        if not lease.users:
            lease.index.close(save=save)
