"""Many documents into an index: from a file that is checked first, or from lines as they come in.

Batches are committed one by one, so a load that was stopped, however that was, goes on when it is begun again: what is
there already is unchanged, and costs no embedding.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from verticals.contract import BadInput, BadRows, Document, PlatformError, Progress, RowProblem
from verticals.data.readers import RawRow, json_row

from .changes import BATCH, BATCH_CHARACTERS, Changes
from .transfer import LONGEST_LINE, document_of, in_batches, read_file

#: More bad rows are counted only.
MOST_PROBLEMS = 1_000

Upsert = Callable[[Sequence[Document]], Changes]


@dataclass(slots=True)
class Loaded:
    """What became of the rows of a file or stream.

    Args:
        rows: read, without blank lines.
        added, updated, unchanged: documents, as `Changes` has them.
        repeated: rows whose id comes again; the last of them counts. Known of files only.
        problems: the bad rows, the first `MOST_PROBLEMS` of them.
        bad: how many rows were bad.
    """

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    bad: int = 0

    @property
    def stored(self) -> int:
        """How many documents are in the index because of this, or were there as they are."""
        return self.added + self.updated + self.unchanged

    def told(self) -> str:
        """``1,204 documents are stored (1,000 added, 4 updated, 200 unchanged).``"""
        stored = "1 document is" if self.stored == 1 else f"{self.stored:,} documents are"
        return f"{stored} stored ({self.added:,} added, {self.updated:,} updated, {self.unchanged:,} unchanged)."


def store(upsert: Upsert, batch: Sequence[Document], loaded: Loaded) -> None:
    """Store one batch and count it.

    Raises:
        PlatformError: as ``upsert`` raises it, with what was stored before in its message.
    """
    try:
        changes = upsert(batch)
    except PlatformError as error:
        if loaded.stored:
            error.message = f"{error.message} {loaded.told()}"
        raise
    loaded.added += changes.added
    loaded.updated += changes.updated
    loaded.unchanged += changes.unchanged


def load_file(
    path: Path, upsert: Upsert, *, encoding: str | None = None, progress: Callable[[Progress], None] | None = None
) -> Loaded:
    """Store the documents of a file, once all its rows are known to be good.

    Args:
        path: of a file as `export_file` writes it.
        upsert: stores a batch.
        encoding: of JSON lines that are not UTF-8.
        progress: told after each batch.

    Raises:
        BadInput: the file cannot be read; see `read_file`.
        BadRows: rows that are no documents, all of them, or the first thousand; nothing was stored.
        StorageError: the disk is full; the message tells what is stored.
    """
    loaded = _checked(path, encoding)
    began, before = time.monotonic(), 0
    for batch in in_batches(_good(read_file(path, encoding)), BATCH, BATCH_CHARACTERS):
        store(upsert, batch, loaded)
        if loaded.added == loaded.updated == 0:  # what an earlier load did says nothing about the time that is left
            began, before = time.monotonic(), loaded.stored
        if progress is not None:
            done, seconds = loaded.stored, time.monotonic() - began
            rate = (done - before) / seconds if seconds > 0 and done > before else 0.0
            left = (loaded.rows - done) / rate if rate else 0.0
            progress(Progress("loading", done, loaded.rows, "documents", rate, left))
    return loaded


def _checked(path: Path, encoding: str | None) -> Loaded:
    loaded = Loaded()
    names = array("q")  # eight bytes a row: a file may have many
    for one in read_file(path, encoding):
        loaded.rows += 1
        if isinstance(one, Document):
            names.append(hash(one.id))
        else:
            loaded.problems.append(one)
            if len(loaded.problems) >= MOST_PROBLEMS:
                remedy = f"There may be more: reading ended at row {one.row}, after so many. Correct the file first."
                raise BadRows(str(path), loaded.problems, remedy)
    if loaded.problems:
        raise BadRows(str(path), loaded.problems, "Correct these rows and load the file again.")
    if not loaded.rows:
        raise BadInput(f"{path}, row 1: the file has no rows.", "Give it at least one document.")
    loaded.repeated = len(names) - int(np.unique(np.frombuffer(names, np.int64)).size)
    return loaded


def _good(rows: Iterable[Document | RowProblem]) -> Iterator[Document]:
    for one in rows:
        if isinstance(one, RowProblem):  # it was good a moment ago
            raise BadInput(f"The file changed while it was loaded: {one}.", "Load it again.")
        yield one


class LineLoader:
    """Stores the documents of JSON lines that come in pieces of any size; holds one batch at most.

    A bad line does not keep the others from being stored.

    Args:
        upsert: stores a batch.

    Attributes:
        loaded: what was done so far.
    """

    def __init__(self, upsert: Upsert) -> None:
        self.loaded = Loaded()
        self._upsert = upsert
        self._batch: list[Document] = []
        self._characters = 0
        self._number = 0
        self._rest = b""
        self._too_long = False

    def take(self, piece: bytes) -> None:
        """Take what came next.

        Raises:
            StorageError, Conflict: as `DocumentIndex.upsert`; the message tells what is stored.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LONGEST_LINE:
            self._too_long, self._rest = True, b""

    def end(self) -> Loaded:
        """Take the last line and store what is left; what was done in all."""
        if self._rest or self._too_long:
            self._line(self._rest)
            self._rest = b""
        self._store()
        return self.loaded

    def _line(self, line: bytes) -> None:
        self._number += 1
        if self._too_long or len(line) > LONGEST_LINE:
            self._too_long = False
            self._refuse([RowProblem(self._number, "", f"has more than {LONGEST_LINE:,} bytes")])
            return
        try:
            text = line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            told = f"byte 0x{line[error.start]:02X} at column {error.start + 1} is not UTF-8"
            self._refuse([RowProblem(self._number, "", told)])
            return
        if text.strip():
            self._row(json_row(self._number, text))

    def _row(self, row: RawRow | RowProblem) -> None:
        found = [row] if isinstance(row, RowProblem) else document_of(row)
        if not isinstance(found, Document):
            self._refuse(found)
            return
        self.loaded.rows += 1
        self._batch.append(found)
        self._characters += len(found.text)
        if len(self._batch) >= BATCH or self._characters >= BATCH_CHARACTERS:
            self._store()

    def _refuse(self, problems: Sequence[RowProblem]) -> None:
        self.loaded.rows += 1
        self.loaded.bad += 1
        self.loaded.problems += problems[: max(0, MOST_PROBLEMS - len(self.loaded.problems))]

    def _store(self) -> None:
        if self._batch:
            batch, self._batch, self._characters = self._batch, [], 0
            store(self._upsert, batch, self.loaded)
