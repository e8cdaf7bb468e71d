"""Run by Alembic: bring the database behind the given connection to the newest schema."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    transaction_per_migration=False,
)
context.run_migrations()
