"""A database with much in it: rows like those that a server wrote itself, copied inside SQLite.

The samples are real messages with their deliveries and attempts; the copies differ in where they
are in the log and when they were. Nothing else about the tables is known here.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

DAY_MS = 86_400_000
SPREAD_MS = 60 * DAY_MS
"""How far back the oldest message is: not as far as anything is forgotten."""
PART = 50_000


def _columns(database: sqlite3.Connection, table: str, replaced: dict[str, str]) -> tuple[str, str]:
    """Return the columns of a table, and what a copy has in them."""
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = [replaced.get(name, f't."{name}"') for name in names]
    return ", ".join(f'"{name}"' for name in names), ", ".join(values)


def fill(folder: Path, messages: int, delivery: dict[str, str] | None = None) -> float:
    """Append copies of the messages that are there, in turn; no server may run.

    Args:
        folder: The server's data folder.
        messages: How many to append.
        delivery: SQL for columns of `delivery` that are to differ from the sample; `s.n` is the
            number of the copy.

    Returns:
        The seconds it took.
    """
    began = time.monotonic()
    with closing(sqlite3.connect(folder / "consignease.db", isolation_level=None)) as database:
        run = database.execute
        for pragma in ("synchronous=OFF", "cache_size=-262144", "temp_store=MEMORY"):
            run(f"PRAGMA {pragma}")
        for table in ("message", "delivery", "attempt"):
            run(f"CREATE TEMP TABLE s_{table} AS SELECT * FROM {table}")
            run(f"CREATE INDEX temp.s_{table}_cursor ON s_{table} (cursor)")
        run(
            "CREATE TEMP TABLE turn AS SELECT row_number() OVER (ORDER BY cursor) - 1 AS k, cursor FROM s_message"
        )
        run("CREATE UNIQUE INDEX temp.turn_k ON turn (k)")
        samples = run("SELECT count(*) FROM turn").fetchone()[0]
        top = run("SELECT value FROM counter WHERE name = 'cursor'").fetchone()[0]
        now = round(time.time() * 1000)
        known = {"samples": samples, "top": top, "now": now, "count": messages}
        for first in range(1, messages + 1, PART):
            last = min(messages, first + PART - 1)
            _part(database, known | {"first": first, "last": last}, delivery or {})
        run("UPDATE counter SET value = ? WHERE name = 'cursor'", (top + messages,))
        run("PRAGMA wal_checkpoint(TRUNCATE)")
    return time.monotonic() - began


def _part(database: sqlite3.Connection, known: dict[str, Any], delivery: dict[str, str]) -> None:
    """Append some, in one transaction."""
    cursor = ":top + s.n"
    at = f":now - {SPREAD_MS} + CAST({SPREAD_MS}.0 * s.n / :count AS INTEGER)"
    tables = {
        "message": {"cursor": cursor, "at": at},
        "delivery": {"cursor": cursor, **delivery},
        "attempt": {"cursor": cursor, "at": at},
    }
    database.execute("BEGIN")
    for table, replaced in tables.items():
        columns, values = _columns(database, table, replaced)
        database.execute(
            f"""
            WITH RECURSIVE s (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last)
            INSERT INTO {table} ({columns})
            SELECT {values} FROM s CROSS JOIN turn ON turn.k = s.n % :samples
            CROSS JOIN s_{table} t ON t.cursor = turn.cursor
            """,
            known,
        )
    database.execute("COMMIT")
