"""The derived parts of one process, kept level with the truth."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import dense, snapshots, tokens
from .dense import Dense
from .lexical import Lexical, LexicalView
from .truth import Reading, Truth
from .workspace import Workspace

_LOG = logging.getLogger(__name__)
_SAVE_AFTER = 5_000


class Replica:
    """Dense and lexical part, begun from their snapshots where there are any, and brought level by replay.

    A replay takes from the truth what was written after the last change that a part contains. A missing or damaged
    snapshot is the same thing from change 0. Writer and readers alike have a replica of their own; only the writer
    saves snapshots.

    Args:
        folder: the index's folder.
        truth: its documents.
        language: ISO 639-1 code that chooses the stemmer.
    """

    def __init__(self, folder: Path, truth: Truth, language: str) -> None:
        self._truth = truth
        self._language = language
        self._parts = folder / "snapshots"
        self._working = folder / "working"
        self._lock = threading.Lock()
        with truth.reading() as reading:
            self._dense = self._open_dense(reading)
            self._lexical = self._open_lexical(reading)
        self._unsaved_rows = 0
        self._saved = {"dense": self._dense.change, "lexical": self._lexical.view.change}
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def current(self) -> Iterator[tuple[Reading, Dense, LexicalView]]:
        """The newest state of the truth, and both parts as of exactly that state. Other threads are not held up."""
        with contextlib.ExitStack() as stack:
            with self._lock:
                reading = stack.enter_context(self._truth.reading())
                self._replay(reading)
                state = reading, self._dense, self._lexical.view
            yield state

    def refresh(self) -> None:
        """Do now what the next search would have to do first."""
        with self.current():
            pass

    def keep_up(self) -> None:
        """`refresh`, and save the parts where so much is new that replaying it after a crash would take long."""
        self.refresh()
        if self._unsaved_rows > max(_SAVE_AFTER, self._dense.count // 4):
            self.snapshot()

    def snapshot(self) -> None:
        """Save both parts as they are now; nothing where that was done already.

        Raises:
            StorageError: the disk is full or not writable; the older snapshots are still there.
        """
        with self._lock, self._truth.reading() as reading:
            self._replay(reading)
            self._dense = self._dense.folded()
            self._save("dense", self._dense_facts(reading), self._dense)
            self._save("lexical", self._lexical_facts(reading), self._lexical)
            self._unsaved_rows = 0

    @property
    def unsaved(self) -> bool:
        """Whether there are changes that a snapshot does not contain."""
        with self._truth.reading() as reading:
            return any(change != reading.change for change in self._saved.values())

    def close(self) -> None:
        """Remove the working copy."""
        self._workspace.close()

    def _replay(self, reading: Reading) -> None:
        since = self._dense.change
        if since < reading.change:
            removed = reading.removed_after(since)
            rows, vectors = reading.vectors_after(since)
            self._dense = self._dense.advanced(reading.change, removed, rows, vectors)
            self._unsaved_rows += removed.size + rows.size
        since = self._lexical.view.change
        if since < reading.change:
            self._lexical.advance(reading.change, reading.removed_after(since), reading.texts_after(since))

    def _save(self, name: str, facts: dict[str, Any], part: Dense | Lexical) -> None:
        change = part.change if isinstance(part, Dense) else part.view.change
        if self._saved[name] != change:
            snapshots.publish(self._parts / name, {**facts, "change": change}, part.save)
            self._saved[name] = change

    def _dense_facts(self, reading: Reading) -> dict[str, Any]:
        return {"kind": dense.KIND, "identity": reading.identity, "embedding_number": reading.embedding_number}

    def _lexical_facts(self, reading: Reading) -> dict[str, Any]:
        return {"kind": f"words-{tokens.VERSION}-{self._language}", "identity": reading.identity}

    def _open_dense(self, reading: Reading) -> Dense:
        found = snapshots.newest(self._parts / "dense", self._dense_facts(reading))
        if found is not None and found[1] <= reading.change:
            try:
                return Dense.load(*found)
            except RuntimeError as error:
                _LOG.warning("%s cannot be read and is built again: %s", found[0], error)
        return Dense()

    def _open_lexical(self, reading: Reading) -> Lexical:
        found = snapshots.newest(self._parts / "lexical", self._lexical_facts(reading))
        if found is not None and found[1] <= reading.change:
            self._workspace = Workspace(self._working)
            try:
                return Lexical(self._workspace.path, self._language, *found)
            except (OSError, ValueError) as error:
                _LOG.warning("%s cannot be read and is built again: %s", found[0], error)
                self._workspace.close()
        self._workspace = Workspace(self._working)
        try:
            return Lexical(self._workspace.path, self._language)
        except BaseException:
            self._workspace.close()
            raise
