"""The store: one database, and its logs."""

from __future__ import annotations

from types import TracebackType

from .curves import CurveLog
from .database import Database
from .events import EventLog
from .keys import KeyTable
from .migration import migrate
from .runs import RunLog
from .versions import VersionTable


class Store:
    """The platform's database.

    Threads may share a store; each method is one transaction of its own.

    Attributes:
        events: the append-only log of what happened.
        runs: the training runs.
        curves: what each run measured on its way.
        versions: the rows of trained versions and their promotions; see `Registry` for the folders on disk.
        keys: who may use the API, and as whom.
        address: where the database is, for messages; never with a password.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.address = database.address
        self.events = EventLog(database)
        self.runs = RunLog(database)
        self.curves = CurveLog(database)
        self.versions = VersionTable(database)
        self.keys = KeyTable(database)

    @classmethod
    def open(cls, url: str) -> Store:
        """Open, and create or upgrade, the database at ``url``.

        Runs that were left running by a process that is gone become ``interrupted``.

        Args:
            url: ``sqlite:////folder/platform.db`` or ``postgresql://user:password@host/name``.

        Raises:
            SettingsError: the URL is of no kind that is supported.
            StorageError: it cannot be read or written, does not answer, or was written by a newer release.
        """
        database = Database(url)
        try:
            migrate(database)
            store = cls(database)
            store.runs.notice_interrupted()
        except BaseException:
            database.close()
            raise
        return store

    def close(self) -> None:
        """Close all connections; harmless when called again."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.address!r})"
