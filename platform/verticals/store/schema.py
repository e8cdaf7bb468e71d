"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

SCHEMA = "0003"
"""The newest migration this release knows; a test holds it to the migration files."""
SCHEMA_TABLE = "platform_schema"
"""Where the database keeps the number of its last migration."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC, and saying so."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

streams = Table(
    "streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vertical", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("last", BigInteger, nullable=False),
    UniqueConstraint("vertical", "tenant", name="streams_name"),
)
"""One event stream per vertical and tenant; ``last`` counts its offsets, and its row lock orders the writers."""

events = Table(
    "events",
    metadata,
    Column("stream", ForeignKey("streams.id"), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False),
    Column("key", String(200)),
    Column("payload", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("stream", "key", name="events_key"),
    Index("events_kind", "stream", "kind", "offset"),
)

event_fields = Table(
    "event_fields",
    metadata,
    Column("stream", ForeignKey("streams.id"), primary_key=True),
    Column("fingerprint", LargeBinary(16), primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which events hold a top-level field with a given value: the index behind ``where``, alike on every database."""

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("vertical", String(64), nullable=False),
    Column("head", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("dataset_version", String(64), nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("version", String(64)),
    Column("error", Text),
    Column("started", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("machine", String(255), nullable=False),
    Column("process", BigInteger, nullable=False),
    Column("process_born", String(64), nullable=False),
    Column("search", String(64)),
    Index("runs_head", "vertical", "head", "started"),
    Index("runs_status", "status"),
    Index("runs_search", "search"),
)

curves = Table(
    "curves",
    metadata,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("figures", JSON, nullable=False),
)
"""What a run measured on its way: ``kind`` is ``step`` (``at`` counts rows) or ``epoch`` (``at`` is its number)."""

versions = Table(
    "versions",
    metadata,
    Column("vertical", String(64), primary_key=True),
    Column("head", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("stage", String(16), nullable=False),
    Column("created", Moment, nullable=False),
    Column("plugin", String(255), nullable=False),
    Column("plugin_version", String(64), nullable=False),
    Column("dataset_version", String(64), nullable=False),
    Column("objective", String(64), nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("run", String(64)),
    Column("tenant", String(64), nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
)
Index(
    "versions_one_live",
    versions.c.vertical,
    versions.c.head,
    unique=True,
    sqlite_where=text("stage = 'live'"),
    postgresql_where=text("stage = 'live'"),
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vertical", String(64), nullable=False),
    Column("head", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    Column("kind", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("promotions_head", "vertical", "head", "id"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("created", Moment, nullable=False),
    Column("revoked", Moment),
    UniqueConstraint("digest", name="keys_digest"),
)
"""The keys of the API; a key itself is nowhere, only its digest."""
