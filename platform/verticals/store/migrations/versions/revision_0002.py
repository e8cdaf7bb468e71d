"""The curves of runs, and the search that a run is a trial of."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of curves and name each trial's search."""
    op.create_table(
        "curves",
        sa.Column("run", sa.String(64), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("figures", sa.JSON, nullable=False),
    )
    op.add_column("runs", sa.Column("search", sa.String(64)))
    op.create_index("runs_search", "runs", ["search"])
