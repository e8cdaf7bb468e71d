"""The documents, their metadata and vectors, in one SQLite file with a growing change number."""

from __future__ import annotations

import contextlib
import copy
import json
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from verticals.contract import Document, Unavailable

from .coming import Coming
from .schema import connect, create_or_check, explained
from .written import WRITTEN, Written, written

Rows = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_DOCUMENT = "id, text, title, source, metadata"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a document that is there already; enough to see whether another one differs."""

    row: int
    digest: bytes
    title: str
    source: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is stored.

    Args:
        document: the document itself.
        metadata: its metadata as JSON.
        digest: tells what was embedded.
        vector: [dimension], of length 1.
    """

    document: Document
    metadata: str
    digest: bytes
    vector: Vectors


class Truth:
    """The database of one index. Thread-safe; one writer at a time, any number of readers in any process.

    Args:
        path: the SQLite file.
        create: make it where there is none.

    Raises:
        Damaged: the file is broken. StorageError: it cannot be opened. Conflict: a newer release wrote it.
        NotFound: there is none, and it is not to be made.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.closed = False
        self._idle: deque[sqlite3.Connection] = deque()
        with self._connection() as connection:
            create_or_check(connection, path, create=create)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self.closed:
            raise Unavailable(f"The index {self.path.parent} is closed.", "Open it again.")
        with explained(self.path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = connect(self.path)
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if self.closed:
                    connection.close()
                else:
                    self._idle.append(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reading]:
        """One unchanging state of the truth, the newest one at the time of the call."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield Reading(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writing]:
        """One change: durable as a whole when the block ends, gone as a whole when it raises."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            writing = Writing(connection)
            yield writing
            connection.execute("UPDATE about SET change = ?", (writing.change,))
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections; harmless when they are."""
        self.closed = True
        while self._idle:
            self._idle.pop().close()


class Reading:
    """Questions to one state of the truth.

    ``change`` is its number, ``identity`` names the database, ``embedding`` the model whose vectors it holds,
    ``embedding_number`` grows whenever they are all replaced, ``dimension`` is their width if there are any. ``coming``
    are the vectors of another model in the making.
    """

    _vectors = "vectors"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.coming = Coming(connection)
        row = connection.execute("SELECT identity, change, embedding, embedding_number, dimension FROM about")
        self.identity: str
        self.change: int
        self.embedding: str
        self.embedding_number: int
        self.dimension: int | None
        self.identity, self.change, self.embedding, self.embedding_number, self.dimension = row.fetchone()

    def count(self) -> int:
        """How many documents there are."""
        (count,) = self._connection.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)

    def document(self, identity: str) -> Document | None:
        """The document of this id."""
        found = self._connection.execute(f"SELECT {_DOCUMENT} FROM documents WHERE id = ?", (identity,)).fetchone()  # noqa: S608
        return _document(*found) if found else None

    def documents(self, after: str, limit: int) -> list[Document]:
        """Up to ``limit`` documents in the order of their ids, from the first one behind ``after``."""
        query = f"SELECT {_DOCUMENT} FROM documents WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        return [_document(*found) for found in self._connection.execute(query, (after, limit))]

    def documents_in(self, rows: Sequence[int]) -> dict[int, Document]:
        """The documents in these rows."""
        query = f"SELECT row, {_DOCUMENT} FROM documents WHERE row IN (SELECT value FROM json_each(?))"  # noqa: S608
        return {row: _document(*found) for row, *found in self._connection.execute(query, (json.dumps(rows),))}

    def contents_in(self, rows: Sequence[int]) -> dict[int, tuple[str, bytes]]:
        """Id, and digest of title and text, of the documents in these rows."""
        query = "SELECT row, id, digest FROM documents WHERE row IN (SELECT value FROM json_each(?))"
        found = self._connection.execute(query, (json.dumps(list(rows)),))
        return {row: (identity, digest) for row, identity, digest in found}

    def vectors_in(self, rows: Sequence[int]) -> tuple[Rows, Vectors]:
        """Those of these rows that there are [n], ascending, and their vectors [n, dimension]."""
        query = f"SELECT row, vector FROM {self._vectors} WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row"  # noqa: S608
        found = self._connection.execute(query, (json.dumps(rows),)).fetchall()
        vectors = np.frombuffer(b"".join([vector for _, vector in found]), np.float32)
        return np.array([row for row, _ in found], np.int64), vectors.reshape(len(found), self.dimension or 0)

    def known(self, identities: Iterable[str]) -> dict[str, Stored]:
        """What is stored under those of these ids that there are."""
        query = (
            "SELECT id, row, digest, title, source, metadata FROM documents "
            "WHERE id IN (SELECT value FROM json_each(?))"
        )
        found = self._connection.execute(query, (json.dumps(list(identities)),))
        return {identity: Stored(*rest) for identity, *rest in found}

    def written_after(self, change: int) -> Iterator[Written]:
        """What is written in documents that came after ``change`` and are still there, rows ascending."""
        query = f"SELECT {WRITTEN} FROM documents WHERE change > ? ORDER BY row"  # noqa: S608
        yield from (written(*found) for found in self._connection.execute(query, (change,)))

    def metadata_after(self, change: int) -> Iterator[tuple[int, str]]:
        """``(row, metadata as JSON)`` of what was written after ``change`` and is still there, rows ascending."""
        query = "SELECT row, metadata FROM documents WHERE change > ? ORDER BY row"
        yield from self._connection.execute(query, (change,))

    def vectors_after(self, change: int) -> tuple[Rows, Vectors]:
        """Rows [n], ascending, and vectors [n, dimension] of what was written after ``change`` and is still there."""
        query = f"SELECT row, vector FROM documents JOIN {self._vectors} USING (row) WHERE change > ? ORDER BY row"  # noqa: S608
        rows: list[int] = []
        joined = bytearray()
        for row, vector in self._connection.execute(query, (change,)):
            rows.append(row)
            joined += vector
        vectors = np.frombuffer(joined, np.float32).reshape(len(rows), self.dimension or 0)
        return np.array(rows, np.int64), vectors

    def rows(self) -> Rows:
        """The rows of all documents, ascending."""
        query = "SELECT row FROM documents INDEXED BY documents_by_change"
        return np.sort(np.fromiter((row for (row,) in self._connection.execute(query)), np.int64))

    def vector_batches(self, size: int = 8192) -> Iterator[tuple[Rows, Vectors]]:
        """All rows and their vectors, ascending, ``size`` at a time, so that they need not be in memory together."""
        found = self._connection.execute(f"SELECT row, vector FROM {self._vectors} ORDER BY row")  # noqa: S608
        while batch := found.fetchmany(size):
            rows, vectors = zip(*batch, strict=True)
            yield np.array(rows, np.int64), np.frombuffer(b"".join(vectors), np.float32).reshape(len(rows), -1)

    def removed_after(self, change: int) -> Rows:
        """The rows that were given up after ``change``, ascending."""
        found = self._connection.execute("SELECT row FROM removed WHERE change > ? ORDER BY row", (change,))
        return np.fromiter((row for (row,) in found), np.int64)

    def texts(self) -> Iterator[tuple[int, str, str]]:
        """``(row, title, text)`` of all documents."""
        yield from self._connection.execute("SELECT row, title, text FROM documents")

    def compared(self) -> str:
        """How the present model compared with the one before, as JSON; empty where nobody did."""
        found = self._connection.execute("SELECT figures FROM compared").fetchone()
        return str(found[0]) if found else ""

    def with_coming(self) -> Reading:
        """The same state with the vectors of the model to come, as far as they are there."""
        other = copy.copy(self)
        other._vectors = "vectors_new"  # noqa: SLF001 - its own
        other.embedding, other.embedding_number = self.coming.embedding or "", self.embedding_number + 1
        other.dimension = self.coming.dimension()
        return other


class Writing(Reading):
    """The changes of one transaction; ``change`` is the number it will have."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.change += 1

    def put(self, entries: Sequence[Entry]) -> None:
        """Add documents whose ids are free."""
        if entries and self.dimension is None:
            self.dimension = len(entries[0].vector)
            self._connection.execute("UPDATE about SET dimension = ?", (self.dimension,))
        # AUTOINCREMENT's own counter; it takes note of rows that are given.
        found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone()
        rows = range(found[0] + 1 if found else 1, 2**63)
        self._connection.executemany(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (row, self.change, one.id, one.title, one.text, one.source, entry.metadata, entry.digest)
                for row, entry in zip(rows, entries, strict=False)
                for one in (entry.document,)
            ),
        )
        vectors = ((row, entry.vector.tobytes()) for row, entry in zip(rows, entries, strict=False))
        self._connection.executemany("INSERT INTO vectors VALUES (?, ?)", vectors)

    def remove(self, rows: Iterable[int]) -> None:
        """Give up rows."""
        given_up = [(row,) for row in rows]
        for table in ("documents", "vectors", "vectors_new"):
            self._connection.executemany(f"DELETE FROM {table} WHERE row = ?", given_up)  # noqa: S608
        self._connection.executemany("INSERT INTO removed VALUES (?, ?)", [(row, self.change) for (row,) in given_up])

    def name_embedding(self, embedding: str) -> None:
        """Say which model makes the vectors of an index that has none yet."""
        self._connection.execute(
            "UPDATE about SET embedding = ?, embedding_number = embedding_number + 1, dimension = NULL", (embedding,)
        )

    def switch(self, figures: str) -> None:
        """Let the coming model's vectors, which must all be there, take the place of the present ones.

        Args:
            figures: how the two compare, as JSON.
        """
        embedding, dimension = self.coming.embedding, self.coming.dimension()
        self.coming.switch()
        self._connection.execute("DELETE FROM compared")
        if figures:
            self._connection.execute("INSERT INTO compared VALUES (?)", (figures,))
        self._connection.execute(
            "UPDATE about SET embedding = ?, embedding_number = embedding_number + 1, dimension = ?",
            (embedding, dimension),
        )


def _document(identity: str, text: str, title: str, source: str, metadata: str) -> Document:
    return Document(id=identity, text=text, title=title, source=source, metadata=json.loads(metadata))
