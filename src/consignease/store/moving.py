"""Carrying an installation from its SQLite file to an empty PostgreSQL database.

All or nothing: every row is copied, counted and compared in one transaction,
which is committed when both sides agree, table by table. Cut short, it leaves
the file as it was and the database empty, and is begun anew.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from consignease.domain.faults import Conflict, Invalid
from consignease.store import database, postgres_partitions
from consignease.store.postgres_schema import prepare
from consignease.store.postgres_session import connect
from consignease.store.schema import metadata

BATCH = 2_000
"""Rows in one COPY."""
_SEARCH = ("rowid", "email_address", "phone_number", "username", "name", "key", "id")
_FILLED = """
SELECT EXISTS (SELECT 1 FROM instance) OR EXISTS (SELECT 1 FROM message)
    OR EXISTS (SELECT 1 FROM "user") OR EXISTS (SELECT 1 FROM admin)
"""
# Nobody sends any more what was being sent when the server of the file was killed.
_RELEASE = "UPDATE delivery SET state = 1, due_at = 0, lease_until = NULL WHERE state = 2"


class Moved(NamedTuple):
    """What was carried over of one table; `checksum` is that of all its rows, in any order."""

    table: str
    rows: int
    checksum: str


class _Table(NamedTuple):
    name: str
    columns: tuple[str, ...]
    numbered: bool


def _tables() -> list[_Table]:
    """Every table: those of the schema, and the one that users are searched in."""
    found = [
        _Table(
            table.name,
            tuple(table.columns.keys()),
            list(table.primary_key.columns.keys()) == ["no"],
        )
        for table in metadata.sorted_tables
    ]
    return [*found, _Table("user_search", _SEARCH, numbered=False)]


class _Sum:
    """A checksum of rows that does not depend on their order."""

    def __init__(self) -> None:
        self.rows = 0
        self._total = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        for row in rows:
            digest = hashlib.blake2b(repr(tuple(row)).encode(), digest_size=16).digest()
            self._total = (self._total + int.from_bytes(digest)) % (1 << 128)
        self.rows += len(rows)

    def moved(self, table: str) -> Moved:
        """Say what was added."""
        return Moved(table, self.rows, f"{self._total:032x}")


async def move(path: Path, url: str, progress: Callable[[str, int, int], None]) -> list[Moved]:
    """Carry everything over; the file then refuses to be served.

    Args:
        path: The SQLite file, which nobody uses.
        url: The database.
        progress: Called with a table, how many rows were carried so far, and of how many.

    Returns:
        What was carried over, table by table.

    Raises:
        Unavailable: the database does not answer, or one of the two is of a newer release.
        Conflict: the database is not empty, or what arrived is not what was sent.
        Invalid: a text cannot be held by PostgreSQL.
    """
    database.migrate(path)
    await prepare(url)
    connection = await connect(url, patience=None)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as source:
            source.execute(_RELEASE)
            source.execute("BEGIN")
            async with connection.transaction():
                await _lock_empty(connection)
                moved = await _copy_all(source, connection, progress)
            source.execute("ROLLBACK")
            source.execute("UPDATE alembic_version SET version_num = ?", (database.MOVED,))
        return moved
    finally:
        await connection.close()


async def _lock_empty(connection: Any) -> None:
    # A server that starts on the database meanwhile waits, and then finds it filled.
    await connection.execute("LOCK TABLE instance, message, counter IN ACCESS EXCLUSIVE MODE")
    if await connection.fetchval(_FILLED):
        msg = "The PostgreSQL database is not empty."
        raise Conflict(msg, detail="Name one that holds no installation.")
    await connection.execute("DELETE FROM counter")


async def _copy_all(
    source: sqlite3.Connection, connection: Any, progress: Callable[[str, int, int], None]
) -> list[Moved]:
    last = source.execute("SELECT value FROM counter WHERE name = 'cursor'").fetchone()[0]
    await connection.execute("SELECT setval('log_cursor', $1, $2)", max(last, 1), last > 0)
    await postgres_partitions.ahead(connection, 0)
    tables = _tables()
    total = sum(_count(source, table.name) for table in tables)
    moved: list[Moved] = []
    for table in tables:
        so_far = sum(one.rows for one in moved)
        sent = _Sum()
        for rows in _batches(source, table):
            await _copy(connection, table, rows)
            sent.add(rows)
            progress(table.name, so_far + sent.rows, total)
        await _number_on(connection, table, sent.rows)
        arrived = await _read_back(connection, table)
        if sent.moved(table.name) != arrived:
            msg = f"What arrived of {table.name} is not what was sent; nothing was moved."
            raise Conflict(msg, detail=f"{sent.moved(table.name)} {arrived}")
        moved.append(arrived)
    return moved


def _count(source: sqlite3.Connection, table: str) -> int:
    return source.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 - our tables


async def _copy(connection: Any, table: _Table, rows: list[Any]) -> None:
    try:
        await connection.copy_records_to_table(table.name, records=rows, columns=table.columns)
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError):
        raise _not_text(table, rows) from None


async def _number_on(connection: Any, table: _Table, rows: int) -> None:
    """Let new rows be numbered after those that came."""
    if table.numbered and rows:
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'no'),"  # noqa: S608 - our tables
            f' (SELECT max(no) FROM "{table.name}"))'
        )


def _batches(source: sqlite3.Connection, table: _Table) -> Iterator[list[Any]]:
    listed = ", ".join(f'"{name}"' if name != "rowid" else name for name in table.columns)
    cursor = source.execute(f'SELECT {listed} FROM "{table.name}"')  # noqa: S608 - our tables
    while rows := cursor.fetchmany(BATCH):
        yield rows


def _not_text(table: _Table, rows: Sequence[Sequence[Any]]) -> Invalid:
    for row in rows:
        for name, value in zip(table.columns, row, strict=True):
            if isinstance(value, str) and "\0" in value:
                what = f"{table.name}.{name} of {tuple(row[:2])!r}"
                return Invalid(
                    "PostgreSQL cannot hold the character U+0000.",
                    detail=f"It is in {what}. Change that first; nothing was moved.",
                )
    return Invalid(f"PostgreSQL cannot hold a text in {table.name}; nothing was moved.")


async def _read_back(connection: Any, table: _Table) -> Moved:
    listed = ", ".join(f'"{name}"' for name in table.columns)
    arrived = _Sum()
    rows: list[Any] = []
    async for row in connection.cursor(f'SELECT {listed} FROM "{table.name}"', prefetch=BATCH):  # noqa: S608 - our tables
        rows.append(row)
        if len(rows) == BATCH:
            arrived.add(rows)
            rows.clear()
    arrived.add(rows)
    return arrived.moved(table.name)
