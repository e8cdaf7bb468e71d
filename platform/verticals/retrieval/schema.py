"""The tables of an index's truth, and what its database errors mean to a person."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from verticals.contract import Conflict, Damaged, NotFound, StorageError, Unavailable

_VERSION = 3

# A row number stands for one state of one document and is never used again: an updated document moves to a new row
# and its old row is noted in `removed`. So the derived parts only ever add and remove rows.
_TABLES = """
CREATE TABLE about (
    identity TEXT NOT NULL,                 -- of this database; snapshots of another one are of no use
    change INTEGER NOT NULL,                -- the last one committed
    embedding TEXT NOT NULL,                -- the model that made `vectors`
    embedding_number INTEGER NOT NULL,      -- grows whenever all vectors are replaced
    dimension INTEGER                       -- of the vectors; null while there are none
);
CREATE TABLE documents (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    change INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,                 -- JSON
    digest BLOB NOT NULL                    -- of what was embedded
);
CREATE INDEX documents_by_change ON documents (change);
CREATE TABLE removed (row INTEGER PRIMARY KEY, change INTEGER NOT NULL);
CREATE INDEX removed_by_change ON removed (change);
CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);     -- float32, little-endian, length 1
INSERT INTO about VALUES (lower(hex(randomblob(16))), 0, '', 1, NULL);
"""

VECTORS_NEW = "CREATE TABLE vectors_new (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);"
# The vectors of another model in the making, beside those in use.
_COMING = f"""
DROP TABLE IF EXISTS vectors_new;
{VECTORS_NEW}
CREATE TABLE IF NOT EXISTS coming (
    embedding TEXT NOT NULL,                -- the model that makes `vectors_new`
    held_back TEXT NOT NULL                 -- how it compared, as JSON, if it is not to take over; else empty
);
CREATE TABLE IF NOT EXISTS compared (figures TEXT NOT NULL);              -- as JSON, when the present model took over
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one thread at a time, in which transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def create_or_check(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    """Create the tables in an empty database, or check that those there are ours.

    Raises:
        Conflict: a newer release wrote it.
        NotFound: there are no tables, and none are to be created.
        Damaged: it is some other database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise Conflict(f"The index {path} was written by a newer release.", "Upgrade the package `verticals`.")
    if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        if not create:
            raise no_index(path.parent)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {_COMING} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version in (1, 2):
        # What filters ask for has become a derived part (2); another model's vectors have tables of their own (3).
        connection.executescript(
            "BEGIN IMMEDIATE; DROP TABLE IF EXISTS attributes; DROP TABLE IF EXISTS vectors_new_about; "
            f"{_COMING} PRAGMA user_version = {_VERSION}; COMMIT;"
        )
    elif version != _VERSION or connection.execute("SELECT count(*) FROM about").fetchone() != (1,):
        raise damaged(path, "it is not a database of documents")


def no_index(folder: Path) -> NotFound:
    """The error for a reader that comes before the first writer."""
    return NotFound(f"There is no index in {folder}.", "Open it for writing once, which creates it.")


def damaged(path: Path, reason: object) -> Damaged:
    """The error for a truth that cannot be read; there is nothing it could be built again from."""
    return Damaged(
        f"The documents in {path} cannot be read: {reason}.",
        "Restore the file from a backup, or remove the folder and import the documents again.",
    )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the database's errors about ``path`` into one sentence with a remedy."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageError(f"The disk that holds {path} is full.", "Free some space and try again.") from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
            raise StorageError(
                f"{path} cannot be opened or written: {error}.", "Check the folder, its owner and the disk."
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Unavailable(f"{path} is busy.", "Try again.") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such" in str(error):
            raise damaged(path, error) from error
        raise
