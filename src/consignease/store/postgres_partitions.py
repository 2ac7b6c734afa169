"""The parts that the log and the attempts are kept in on PostgreSQL.

Both are split by ranges of cursors, at the same numbers: everything is asked by
cursor, the primary keys hold it, and as cursors follow time a part is also a
stretch of time that retention drops whole (`postgres_detaching`). Parts are made
ahead of the cursors, each for about a day of messages; what no part covers goes
into the part ``…_rest``, which is moved from there when its own part is made.
"""

import re
from typing import Any, NamedTuple

DAY_MS = 86_400_000
LEAST, MOST = 1_000_000, 50_000_000
"""How many cursors a part has."""
TABLES = ("message", "attempt")

_MAKING = 7_021_900_115
"""The advisory lock of the one process that makes parts, or takes one off."""
_LAST = "SELECT last_value FROM log_cursor"
_PARTS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)
"""
_FIRST_AT = "SELECT at FROM message WHERE cursor >= $1 ORDER BY cursor LIMIT 1"
_BOUNDS = re.compile(r"FROM \((?:'(\d+)'|MINVALUE)\) TO \('(\d+)'\)")


class Part(NamedTuple):
    """One part: cursors from `first` up to and without `end`."""

    name: str
    first: int
    end: int


def first_parts() -> list[str]:
    """Return the statements that make the parts of new tables."""
    made: list[str] = []
    for table in TABLES:
        made.append(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
        bounds = f"FROM (MINVALUE) TO ({LEAST})"
        made.append(f"CREATE TABLE {table}_from_0 PARTITION OF {table} FOR VALUES {bounds}")
    return made


async def parts(connection: Any, table: str) -> list[Part]:
    """Return the parts of a table, oldest first; without the one for the rest."""
    found = [
        Part(name, int(bounds[1] or 0), int(bounds[2]))
        for name, text in await connection.fetch(_PARTS, table)
        if (bounds := _BOUNDS.search(text)) is not None
    ]
    return sorted(found, key=lambda part: part.first)


async def take_turn(connection: Any) -> bool:
    """Be the one that changes the parts until the transaction ends; False if another one is."""
    return await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({_MAKING})")


async def ahead(connection: Any, now: int) -> list[str]:
    """Make the next part of each table when the log has reached the newest one.

    Args:
        connection: Not in a transaction.
        now: The time, in milliseconds.

    Returns:
        The names of the parts that were made.

    Raises:
        LockNotAvailableError: somebody holds a table; the next round may have it.
    """
    made: list[str] = []
    last = await connection.fetchval(_LAST)
    for table in TABLES:
        newest = (await parts(connection, table))[-1]
        if last >= newest.first:
            async with connection.transaction():
                if not await take_turn(connection):
                    break
                newest = (await parts(connection, table))[-1]
                width = await _width(connection, newest, last, now)
                while newest.first <= last:
                    newest = await _make(connection, table, newest.end, newest.end + width)
                    made.append(newest.name)
    return made


async def _width(connection: Any, newest: Part, last: int, now: int) -> int:
    """Return how many cursors the next part gets: a day's, as it has been going."""
    since = await connection.fetchval(_FIRST_AT, newest.first)
    if since is None or now <= since:
        return LEAST
    return max(LEAST, min(MOST, (last - newest.first) * DAY_MS // (now - since)))


async def _make(connection: Any, table: str, first: int, end: int) -> Part:
    """Make a part beside the readers and writers of the others."""
    name, rest = f"{table}_from_{first}", f"{table}_rest"
    # Attached, not made in place: that would stop everybody who uses the table.
    await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")
    await connection.execute(f"LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE")
    await connection.execute(
        f"WITH gone AS (DELETE FROM {rest} WHERE cursor >= {first} AND cursor < {end} RETURNING *)"  # noqa: S608 - numbers and names of ours
        f" INSERT INTO {name} SELECT * FROM gone"
    )
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
    )
    return Part(name, first, end)
