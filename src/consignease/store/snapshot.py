"""The database of a server that may be running, read and copied as it was at one moment."""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path

from consignease.store.tx import NoHandoff, Tx, no_cursors


@contextlib.contextmanager
def opened(path: Path) -> Generator[Tx]:
    """Open a database to read it; what others write meanwhile is not seen.

    Args:
        path: The database file.
    """
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
        sqlite3.Error: there is no room, or the database is damaged.
    """
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
