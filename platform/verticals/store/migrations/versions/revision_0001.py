"""Events, runs, versions and promotions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vertical", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("vertical", "tenant", name="streams_name"),
    )
    op.create_table(
        "events",
        sa.Column("stream", sa.Integer, sa.ForeignKey("streams.id"), primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("key", sa.String(200)),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.UniqueConstraint("stream", "key", name="events_key"),
    )
    op.create_index("events_kind", "events", ["stream", "kind", "offset"])
    op.create_table(
        "event_fields",
        sa.Column("stream", sa.Integer, sa.ForeignKey("streams.id"), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(16), primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("vertical", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("dataset_version", sa.String(64), nullable=False),
        sa.Column("recipe", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("error", sa.Text),
        sa.Column("started", moment, nullable=False),
        sa.Column("updated", moment, nullable=False),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("process", sa.BigInteger, nullable=False),
        sa.Column("process_born", sa.String(64), nullable=False),
    )
    op.create_index("runs_head", "runs", ["vertical", "head", "started"])
    op.create_index("runs_status", "runs", ["status"])
    op.create_table(
        "versions",
        sa.Column("vertical", sa.String(64), primary_key=True),
        sa.Column("head", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("plugin", sa.String(255), nullable=False),
        sa.Column("plugin_version", sa.String(64), nullable=False),
        sa.Column("dataset_version", sa.String(64), nullable=False),
        sa.Column("objective", sa.String(64), nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("run", sa.String(64)),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
    )
    live = sa.text("stage = 'live'")
    op.create_index(
        "versions_one_live", "versions", ["vertical", "head"], unique=True, sqlite_where=live, postgresql_where=live
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vertical", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_index("promotions_head", "promotions", ["vertical", "head", "id"])
