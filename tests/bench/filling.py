"""A database with much in it: rows like those that a server wrote itself, copied inside of it.

The samples are real messages with their deliveries and attempts; the copies differ in where they
are in the log and when they were. Nothing else about the tables is known here.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import asyncpg

from consignease.store.postgres_partitions import ahead
from tests.bench.stores import Postgres, Sqlite

DAY_MS = 86_400_000
SPREAD_MS = 60 * DAY_MS
"""How far back the oldest message is: not as far as anything is forgotten."""
PART = 50_000

TABLES = ("message", "delivery", "attempt")
_TURN = """
CREATE TEMP TABLE turn AS SELECT row_number() OVER (ORDER BY cursor) - 1 AS k, cursor FROM s_message
"""
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

Replaced = Mapping[str, Mapping[str, str]]
"""SQL by table and column."""


def fill(
    store: Sqlite | Postgres, messages: int, delivery: Mapping[str, str] | None = None
) -> float:
    """Append copies of the messages that are there, in turn; no server may run.

    Args:
        store: The database.
        messages: How many to append.
        delivery: SQL for columns of `delivery` that are to differ from the sample; `s.n` is the
            number of the copy, `:count` how many there will be, `:now` the time.

    Returns:
        The seconds it took.
    """
    began = time.monotonic()
    if isinstance(store, Sqlite):
        _fill_sqlite(store.folder, messages, delivery or {})
    else:
        asyncio.run(_fill_postgres(store.url, messages, delivery or {}))
    return time.monotonic() - began


def _replaced(top: int, messages: int, now: int, delivery: Mapping[str, str]) -> Replaced:
    """Return what a copy has of its own."""
    cursor = f"{top} + s.n"
    at = f"{now - SPREAD_MS} + {SPREAD_MS} * s.n / {messages}"
    for_now = {
        name: sql.replace(":now", str(now)).replace(":count", str(messages))
        for name, sql in delivery.items()
    }
    return {
        "message": {"cursor": cursor, "at": at},
        "delivery": {"cursor": cursor, **for_now},
        "attempt": {"cursor": cursor, "at": at},
    }


def _copying(table: str, names: Sequence[str], replaced: Replaced, numbers: str) -> str:
    """Return the statement that appends copies; `numbers` begins it with their numbers, s (n)."""
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(replaced[table].get(name, f't."{name}"') for name in names)
    return f"""
    INSERT INTO {table} ({columns}) {numbers} SELECT {values} FROM s
    JOIN turn ON turn.k = s.n % (SELECT count(*) FROM turn)
    JOIN s_{table} t ON t.cursor = turn.cursor ORDER BY s.n
    """


def _parts(messages: int) -> Iterator[tuple[int, int]]:
    for first in range(1, messages + 1, PART):
        yield first, min(messages, first + PART - 1)


def _fill_sqlite(folder: Path, messages: int, delivery: Mapping[str, str]) -> None:
    with closing(sqlite3.connect(folder / "consignease.db", isolation_level=None)) as database:
        run = database.execute
        for pragma in ("synchronous=OFF", "cache_size=-262144", "temp_store=MEMORY"):
            run(f"PRAGMA {pragma}")
        for table in TABLES:
            run(f"CREATE TEMP TABLE s_{table} AS SELECT * FROM {table}")
            run(f"CREATE INDEX temp.s_{table}_cursor ON s_{table} (cursor)")
        run(_TURN)
        run("CREATE UNIQUE INDEX temp.turn_k ON turn (k)")
        top = run("SELECT value FROM counter WHERE name = 'cursor'").fetchone()[0]
        replaced = _replaced(top, messages, round(time.time() * 1000), delivery)
        for first, last in _parts(messages):
            run("BEGIN")
            for table in TABLES:
                names = [row[1] for row in run(f"PRAGMA table_info({table})")]
                numbers = f"""
                WITH RECURSIVE s (n) AS
                  (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})
                """
                run(_copying(table, names, replaced, numbers))
            run("COMMIT")
        run("UPDATE counter SET value = ? WHERE name = 'cursor'", (top + messages,))
        run("PRAGMA wal_checkpoint(TRUNCATE)")


async def _fill_postgres(url: str, messages: int, delivery: Mapping[str, str]) -> None:
    """Do what the servers' upkeep, and PostgreSQL's own, would have done meanwhile, too."""
    database = await asyncpg.connect(url)
    try:
        await database.execute("SET synchronous_commit = off; SET work_mem = '256MB'")
        for table in TABLES:
            await database.execute(f"CREATE TEMP TABLE s_{table} AS SELECT * FROM {table}")
        await database.execute(_TURN)
        top = await database.fetchval("SELECT last_value FROM log_cursor")
        now = round(time.time() * 1000)
        replaced = _replaced(top, messages, now, delivery)
        for first, last in _parts(messages):
            await database.execute(f"SELECT setval('log_cursor', {top + last})")
            await ahead(database, now)
            for table in TABLES:
                names = [row[0] for row in await database.fetch(_COLUMNS, table)]
                numbers = f"WITH s (n) AS (SELECT generate_series({first}::bigint, {last}))"
                await database.execute(_copying(table, names, replaced, numbers))
        await database.execute("VACUUM ANALYZE")
    finally:
        await database.close()
