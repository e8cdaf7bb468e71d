"""A folder for one process's working copy; the next to come clears it away if its owner died."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from verticals.contract import Conflict
from verticals.files import FileLock


class Workspace:
    """A new, empty folder below ``parent`` that is this process's own until `close`.

    Whether an owner lives is asked of the lock beside its folder, not of its process number: processes in other
    containers may share the folder.
    """

    def __init__(self, parent: Path) -> None:
        _clear_abandoned(parent)
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lock = _lock(parent / f"{name}.lock")
        self._lock.acquire()
        self.path = parent / name
        self.path.mkdir()

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.path.unlink(missing_ok=True)
        self._lock.release()


def _clear_abandoned(parent: Path) -> None:
    for path in parent.glob("*.lock"):
        lock = _lock(path)
        try:
            lock.acquire()
        except (Conflict, OSError):
            continue
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)
        lock.release()


def _lock(path: Path) -> FileLock:
    return FileLock(path, f"The working copy {path.stem}")
