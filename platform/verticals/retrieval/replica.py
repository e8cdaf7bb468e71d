"""The derived parts of one process, kept level with the truth."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from . import attributes, dense, kinds, snapshots, tokens
from .attributes import Attributes
from .building import build
from .calibration import Tuned
from .dense import Dense
from .gpu import Gpu
from .lexical import Lexical, LexicalView
from .rebuild import Rebuild
from .truth import Reading, Truth
from .workspace import Workspace

_LOG = logging.getLogger(__name__)
Part = TypeVar("Part")
_SAVE_AFTER = 5_000
_COMING = "dense-coming"
# What could not be had is tried again after so many seconds.
_TRY_AGAIN = 60.0


class State(NamedTuple):
    """The truth at one change, and all parts as of exactly that change."""

    reading: Reading
    dense: Dense
    lexical: LexicalView
    attributes: Attributes


class Replica:
    """Dense part, lexical part and attributes, begun from their snapshots if there are any, and kept level by replay.

    A replay takes from the truth what was written after the last change that a part contains. A missing or damaged
    snapshot is the same thing from change 0. Writer and readers alike have a replica of their own; only the writer
    saves snapshots.

    Where the dense part should be of another kind, the writer builds it beside the present one, as of the change at
    which it begins; once it is there it takes the present one's place, and what came since is replayed. A reader
    takes it from the writer's next snapshot.

    Args:
        folder: the index's folder.
        truth: its documents.
        language: ISO 639-1 code that chooses the stemmer.
        kind: of the dense part, one of `kinds.SETTINGS`.
        device: that it is searched on; see `Gpu`.
        writable: whether this process writes.
    """

    def __init__(
        self,
        folder: Path,
        truth: Truth,
        language: str,
        kind: str = kinds.AUTO,
        device: str = "auto",
        *,
        writable: bool = True,
    ) -> None:
        self._folder = folder
        self._kind = kind
        self._gpu = Gpu(device)
        self._writable = writable
        self._rebuild: Rebuild | None = None
        self._next_try = 0.0
        self._offered: tuple[int, Dense] | None = None
        self._truth = truth
        self._language = language
        self._parts = folder / "snapshots"
        self._working = folder / "working"
        self._lock = threading.Lock()
        with truth.reading() as reading:
            self._dense = self._open_dense(reading)
            self._number = reading.embedding_number
            self._attributes = self._open_attributes(reading)
            self._lexical = self._open_lexical(reading)
        self._unsaved_rows = 0
        self._saved = {
            "dense": self._dense.change, "lexical": self._lexical.view.change, "attributes": self._attributes.change,
        }  # fmt: skip
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def current(self) -> Iterator[State]:
        """The newest state of the truth and of all parts. Other threads are not held up."""
        with contextlib.ExitStack() as stack:
            with self._lock:
                self._take_rebuilt()
                reading = stack.enter_context(self._truth.reading())
                self._replay(reading)
                state = State(reading, self._dense, self._lexical.view, self._attributes)
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

    def finish(self) -> None:
        """Wait for the dense part to be of the kind it should be, as far as that can be had."""
        self.refresh()
        while (rebuild := self._rebuild) is not None:
            rebuild.take()
            self.refresh()

    def tune(self, tuned: Tuned) -> None:
        """Search with another effort from now on, and remember it."""
        with self._lock:
            tuned.write(self._folder)
            self._dense = tuned.applied(self._dense)

    def snapshot(self) -> None:
        """Save all parts as they are now; nothing where that was done already.

        Raises:
            StorageError: the disk is full or not writable; the older snapshots are still there.
        """
        with self._lock, self._truth.reading() as reading:
            self._replay(reading)
            self._dense = self._dense.folded()
            self._save("dense", self._dense_facts(reading), self._dense)
            if self._offered is None:
                shutil.rmtree(self._parts / _COMING, ignore_errors=True)
            self._attributes = self._attributes.folded()
            self._save("lexical", self._lexical_facts(reading), self._lexical)
            self._save("attributes", self._attribute_facts(reading), self._attributes)
            self._unsaved_rows = 0

    @property
    def unsaved(self) -> bool:
        """Whether there are changes that a snapshot does not contain."""
        with self._truth.reading() as reading:
            return any(change != reading.change for change in self._saved.values())

    def close(self) -> None:
        """Give up what is being built, and remove the working copy."""
        if self._rebuild is not None:
            self._rebuild.cancel()
        self._workspace.close()
        self._gpu.close()

    def coming(self, stop: Callable[[], bool]) -> Dense | None:
        """A dense part of the vectors that are to take the place of the present ones.

        `None` when told to stop, and where a document has come since that has none of them yet.
        """
        with self._truth.reading() as reading:
            if reading.coming.left(1):
                return None
            name = kinds.wanted(self._kind, reading.count(), self._dense.kind.name)
            built = build(name, reading.with_coming(), Tuned.read(self._folder).recall, stop)
        return None if built is None else built[0]

    def offer(self, coming: Dense) -> None:
        """Have ``coming`` ready, here and as a snapshot for readers, for when its vectors take the others' place.

        Raises:
            StorageError: the disk is full or not writable.
        """
        with self._truth.reading() as reading:
            other = reading.with_coming()
        self._offered = other.embedding_number, coming
        coming = coming.folded()
        facts = {**self._dense_facts(other), "change": coming.change}
        snapshots.publish(self._parts / _COMING, facts, coming.save)

    def _switch(self, reading: Reading) -> None:
        """Go over to the vectors of another model, which are in use since the last replay."""
        if self._rebuild is not None:
            self._rebuild.leave()
            self._rebuild = None
        offered, self._offered = self._offered, None
        if offered is not None and offered[0] == reading.embedding_number:
            self._dense = replace(offered[1], gpu=self._gpu)
        else:
            self._dense = self._open_dense(reading)
        self._number, self._next_try = reading.embedding_number, 0.0
        self._saved["dense"] = -1
        self._unsaved_rows += self._dense.count

    def _replay(self, reading: Reading) -> None:
        if self._number != reading.embedding_number:
            self._switch(reading)
        since = self._dense.change
        if since < reading.change:
            removed = reading.removed_after(since)
            rows, vectors = reading.vectors_after(since)
            self._dense = self._dense.advanced(reading.change, removed, rows, vectors)
            self._unsaved_rows += removed.size + rows.size
        since = self._lexical.view.change
        if since < reading.change:
            self._lexical.advance(reading.change, reading.removed_after(since), reading.written_after(since))
        since = self._attributes.change
        if since < reading.change:
            removed = reading.removed_after(since)
            self._attributes = self._attributes.advanced(reading.change, removed, reading.metadata_after(since))
        self._begin_rebuild()

    def _begin_rebuild(self) -> None:
        present = self._dense
        if self._rebuild is not None or time.monotonic() < self._next_try:
            return
        if kinds.due(self._kind, present.kind, present.count, present.removed.size):
            self._next_try = time.monotonic() + _TRY_AGAIN
            self._rebuild = Rebuild(self._build if self._writable else self._load)

    def _take_rebuilt(self) -> None:
        if self._rebuild is None or not self._rebuild.finished:
            return
        built, self._rebuild = self._rebuild.take(), None
        if built is not None:
            self._dense = replace(built, gpu=self._gpu)
            self._next_try = 0.0
            if self._writable:
                self._saved["dense"] = -1
                self._unsaved_rows += built.count

    def _build(self, stop: Callable[[], bool]) -> Dense | None:
        with self._truth.reading() as reading:
            name = kinds.wanted(self._kind, reading.count(), self._dense.kind.name)
            built = build(name, reading, Tuned.read(self._folder).recall, stop)
        return None if built is None else built[0]

    def _load(self, stop: Callable[[], bool]) -> Dense | None:
        """The writer's snapshot, if it is not due to be another kind as well."""
        with self._truth.reading() as reading:
            saved = self._open_dense(reading)
        due = kinds.due(self._kind, saved.kind, saved.count, saved.removed.size)
        return None if due or stop() or saved.change == 0 else saved

    def _save(self, name: str, facts: dict[str, Any], part: Dense | Lexical | Attributes) -> None:
        change = part.view.change if isinstance(part, Lexical) else part.change
        if self._saved[name] != change:
            snapshots.publish(self._parts / name, {**facts, "change": change}, part.save)
            self._saved[name] = change

    def _dense_facts(self, reading: Reading) -> dict[str, Any]:
        return {
            "kind": dense.FORMAT, "identity": reading.identity, "embedding": reading.embedding,
            "embedding_number": reading.embedding_number,
        }  # fmt: skip

    def _lexical_facts(self, reading: Reading) -> dict[str, Any]:
        return {"kind": f"words-{tokens.VERSION}-{self._language}", "identity": reading.identity}

    def _attribute_facts(self, reading: Reading) -> dict[str, Any]:
        return {"kind": attributes.FORMAT, "identity": reading.identity}

    def _open_dense(self, reading: Reading) -> Dense:
        facts = self._dense_facts(reading)
        coming = partial(self._loaded, _COMING, facts, reading, Dense.load, Dense())
        found = self._loaded("dense", facts, reading, Dense.load, Dense())
        return replace(Tuned.read(self._folder).applied(found if found.change else coming()), gpu=self._gpu)

    def _open_attributes(self, reading: Reading) -> Attributes:
        return self._loaded("attributes", self._attribute_facts(reading), reading, Attributes.load, Attributes())

    def _loaded(
        self, name: str, facts: dict[str, Any], reading: Reading, load: Callable[[Path, int], Part], empty: Part
    ) -> Part:
        """A part as its newest snapshot has it, or the empty one."""
        found = snapshots.newest(self._parts / name, facts)
        if found is not None and found[1] <= reading.change:
            try:
                return load(*found)
            except (RuntimeError, OSError, ValueError, TypeError) as error:
                _LOG.warning("%s cannot be read and is built again: %s", found[0], error)
        return empty

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
