"""The one statement that SQLite and PostgreSQL know and SQLAlchemy has no common name for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_absent(connection: Connection, table: Table) -> Any:
    """An insert that does nothing where a row with the same key exists already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()
