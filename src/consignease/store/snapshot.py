"""The database of a server that may be running, read and copied as it was at one moment."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from consignease.domain.faults import Unavailable
from consignease.store.tx import NoHandoff, Tx, no_cursors

T = TypeVar("T")


def read(path: Path, url: str, fn: Callable[[Tx], T]) -> T:
    """Run a unit that reads, on a snapshot of a database that others may be using.

    Args:
        path: The SQLite file, used when `url` is empty.
        url: The PostgreSQL database.
        fn: The unit.

    Raises:
        Unavailable: there is no such database, or it does not answer.
    """
    if url:
        return asyncio.run(_read_postgres(url, fn))
    with opened(path) as tx:
        return fn(tx)


async def _read_postgres(url: str, fn: Callable[[Tx], T]) -> T:
    from consignease.store.postgres import PostgresStore

    store = PostgresStore(url, writers=0, readers=1)
    await store.open()
    try:
        return await store.read(fn)
    finally:
        await store.shut()


def _must_exist(path: Path) -> None:
    if not path.exists():
        msg = f"There is no SQLite database at {path}."
        detail = "On PostgreSQL, set CONSIGNEASE_DATABASE_URL for what reads users; for backups"
        raise Unavailable(msg, detail=f"{detail} use its own tools (pg_dump, pg_basebackup).")


@contextlib.contextmanager
def opened(path: Path) -> Generator[Tx]:
    """Open a database to read it; what others write meanwhile is not seen.

    Args:
        path: The database file.

    Raises:
        Unavailable: there is none.
    """
    _must_exist(path)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")
        yield Tx(connection, NoHandoff(), no_cursors, {})
    finally:
        connection.close()


def copy(source: Path, to: Path) -> None:
    """Copy a database as it is at this moment, without its empty pages.

    Raises:
        Unavailable: there is none.
        sqlite3.Error: there is no room, or the database is damaged.
    """
    _must_exist(source)
    connection = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("VACUUM INTO ?", (str(to),))
    finally:
        connection.close()


def check(path: Path) -> str:
    """Return what is wrong with a database file; empty if it is whole."""
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found
