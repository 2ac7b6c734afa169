"""How Alembic reaches the database: one connection, on SQLite in one transaction."""

from alembic import context
from sqlalchemy import create_engine

from consignease.store.schema import metadata


def run() -> None:
    """Run the pending migrations."""
    given = context.config.attributes.get("connection")
    if given is not None:  # PostgreSQL: each operation is a transaction of its own
        context.configure(
            connection=given, target_metadata=metadata, transaction_per_migration=True
        )
        context.run_migrations()
        return
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_engine(url)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
