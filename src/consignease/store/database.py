"""Bringing a database file to the schema of this release."""

import sqlite3
from pathlib import Path

from consignease.domain.faults import Unavailable

HEAD = "0018"
"""The newest schema revision this release knows."""

_ALSO = (
    (
        "CREATE VIRTUAL TABLE user_search USING fts5 (email_address, phone_number, username, name,"
        " key, id UNINDEXED, tokenize = 'trigram case_sensitive 1', detail = none)"
    ),
    "INSERT INTO counter (name, value) VALUES ('cursor', 0), ('clock', 0)",
    "CREATE TABLE alembic_version (version_num TEXT NOT NULL PRIMARY KEY)",
    f"INSERT INTO alembic_version VALUES ('{HEAD}')",  # noqa: S608 - a constant
)
"""What a new file has beside the tables."""

MOVED = "moved"
"""What a file has in place of its revision once `consignease move` has carried it away."""


def revision(path: Path) -> str | None:
    """Return the schema revision of a database file; None if it has no schema."""
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return row[0] if row else None


def migrate(path: Path, to: str = HEAD) -> None:
    """Create or upgrade the schema; does nothing when it is current.

    Args:
        path: The database file.
        to: The revision to reach.

    Raises:
        Unavailable: the file was written by a newer release, or moved to PostgreSQL.
    """
    if not path.exists():
        # A first start that is cut short must leave nothing half-made behind.
        part = path.with_suffix(".new")
        for leftover in path.parent.glob(f"{part.name}*"):
            leftover.unlink()
        if to == HEAD:
            _make(part)
        else:
            _upgrade(part, to)
        part.replace(path)
        return
    current = revision(path)
    if current == HEAD:
        return
    if current == MOVED:
        msg = f"The database {path} was moved to PostgreSQL."
        raise Unavailable(msg, detail="Name the PostgreSQL database: CONSIGNEASE_DATABASE_URL.")
    if current is not None and current > HEAD:
        msg = f"The database {path} was written by a newer release (schema {current})."
        raise Unavailable(msg, detail="Install that release or a newer one, then start again.")
    _upgrade(path, to)


def _make(path: Path) -> None:
    """Make a file as the tables are today, which the migrations reach step by step."""
    # Imported here because a start on a current schema does not need it.
    from sqlalchemy.dialects import sqlite

    from consignease.store.schema import statements

    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN")
        for _, made in statements(sqlite.dialect()):
            for sql in made:
                connection.execute(sql)
        for sql in _ALSO:
            connection.execute(sql)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _upgrade(path: Path, to: str) -> None:
    # Imported here because only an older file needs them.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    command.upgrade(config, to)


def last_tick(database: Path) -> int:
    """Return the latest time that a former run has stored, in milliseconds."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT value FROM counter WHERE name = 'clock'").fetchone()[0]
    finally:
        connection.close()
