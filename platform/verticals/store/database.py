"""Connections: SQLite in WAL mode or PostgreSQL, short transactions, errors a person can use."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from verticals.contract import Damaged, PlatformError, SettingsError, StorageError, Unavailable
from verticals.files import explained

from .values import encode

_BUSY_SECONDS = 30.0


class Database:
    """One database, known by its URL: ``sqlite:////folder/platform.db`` or ``postgresql://user@host/name``.

    Transactions are short and come in two kinds, `read` and `write`; threads may share the object.

    Raises:
        SettingsError: the URL is of no kind that is supported.
        StorageError: the folder of a SQLite file cannot be made.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.address = parsed.render_as_string(hide_password=True)
        self._explain: Callable[[Exception], PlatformError]
        if parsed.drivername == "sqlite":
            path = Path(parsed.database or "")
            with explained(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            self.address = str(path)
            self._explain = self._explain_sqlite
            self._engine = _sqlite_engine(parsed)
            # Threads queue here rather than poll the file's lock.
            self._writers: contextlib.AbstractContextManager[Any] = threading.Lock()
        else:
            self._explain = self._explain_postgresql
            self._engine = _postgresql_engine(parsed)
            self._writers = contextlib.nullcontext()
        self._writing = self._engine.execution_options(write=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, on one consistent state."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed and durable when the block ends well, else rolled back."""
        with self._explained(), self._writers, self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise  # a rule of the schema, not the machine
        except PoolTimeout as error:
            raise Unavailable(f"All connections to {self.address} are in use.", "Try again in a moment.") from error
        except DBAPIError as error:
            raise self._explain(error) from error
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _explain_sqlite(self, error: Exception) -> PlatformError:
        cause = str(getattr(error, "orig", error))
        where = self.address
        if "not a database" in cause:
            return Damaged(f"{where} is not a database.", "Move the file away, or choose another home with --home.")
        if "malformed" in cause or "schema is corrupt" in cause:
            return Damaged(f"The database {where} is damaged: {cause}.", "Restore it from a backup.")
        if "is full" in cause:
            return StorageError(f"The disk that holds {where} is full.", "Free some space and try again.")
        if "locked" in cause or "busy" in cause:
            return Unavailable(
                f"{where} is busy: another process has been writing for {_BUSY_SECONDS:.0f} s.", "Try again later."
            )
        if "readonly" in cause or "unable to open" in cause:
            return StorageError(
                f"{where} cannot be written: {cause}.", "Check its owner, or choose another home with --home."
            )
        return StorageError(f"{where} cannot be read or written: {cause}.", "Check the disk and its free space.")

    def _explain_postgresql(self, error: Exception) -> PlatformError:
        cause = " ".join(str(getattr(error, "orig", error)).split())
        return StorageError(
            f"The database {self.address} does not answer as it should: {cause}.",
            "Check that the server runs, and the address, user and password in the setting `database`.",
        )


def _parse(url: str) -> URL:
    try:
        parsed = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):
        # The text itself may hold a password, so it is not repeated.
        raise SettingsError("The setting `database` is not a database URL.", _EXAMPLES) from None
    kind = parsed.drivername.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    if kind == "sqlite":
        raise SettingsError("The setting `database` names no file for SQLite.", _EXAMPLES)
    raise SettingsError(f"The setting `database` asks for {kind!r}, which is not supported.", _EXAMPLES)


_EXAMPLES = "Write it like sqlite:////folder/platform.db or postgresql://user:password@host/name."


def _sqlite_engine(url: URL) -> Engine:
    engine = sqlalchemy.create_engine(
        url, json_serializer=encode, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where this module says, below
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000:.0f}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns into a writer could be refused halfway.
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for other processes that do so at the same moment, so we do."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _postgresql_engine(url: URL) -> Engine:
    try:
        return sqlalchemy.create_engine(
            url,
            json_serializer=encode,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={} if "connect_timeout" in url.query else {"connect_timeout": 10},
        )
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"PostgreSQL needs the package {error.name!r}.", "Install it with `pip install 'verticals[postgres]'`."
        ) from error
