"""Bringing a database to the schema this release works with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from sqlalchemy import Connection

from verticals.contract import StorageError

from .database import Database
from .schema import SCHEMA, SCHEMA_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x766572746963  # "vertic": an advisory lock of PostgreSQL is known by a number


def migrate(database: Database) -> None:
    """Create or upgrade the tables; costs one query where they are up to date.

    Processes that open a new database at the same moment wait for the one that creates it.

    Raises:
        StorageError: the database was written by a newer release.
    """
    with database.read() as connection:
        if _schema(connection, database.address) == SCHEMA:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK)))
        if _schema(connection, database.address) != SCHEMA:
            _upgrade(connection)


def configuration() -> Config:
    """Alembic's configuration of the migrations in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["version_table"] = SCHEMA_TABLE
    return config


def _schema(connection: Connection, address: str) -> str | None:
    """The number of the last migration, ``None`` for a database without any."""
    if not sqlalchemy.inspect(connection).has_table(SCHEMA_TABLE):
        return None
    found = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {SCHEMA_TABLE}")).scalar()  # noqa: S608
    if found is not None and str(found) > SCHEMA:
        raise StorageError(
            f"{address} was written by a newer release: its schema is {found}, this release knows {SCHEMA}.",
            "Upgrade with `pip install --upgrade verticals`, or choose another home with --home.",
        )
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
