"""Old parts of the log and the attempts go whole, beside those who use the others.

A part is taken off its table first: that needs locks which everybody meets who
reads or writes the table, so it waits for them briefly or not at all, does what
takes a moment, and lets go. What it has become is nobody's any more, and is
dropped afterwards, however long its files take. Its name says so in between:
what a process left that ended there is dropped by whoever comes next.

``DETACH … CONCURRENTLY`` is no choice: PostgreSQL refuses it beside a part for
the rest. Neither is ``DROP`` by itself, which removes the files under the locks.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg

from consignease.store import postgres_partitions
from consignease.store.postgres_partitions import Part
from consignease.store.postgres_session import Session

LOCK_MS = 50
"""How long others may have to wait behind one who waits for the locks."""
HOLD_MS = 200
"""How long one statement under the locks may take; then they are given back."""

_log = logging.getLogger("consignease.store")

_BRIEFLY = f"SET LOCAL lock_timeout = {LOCK_MS}; SET LOCAL statement_timeout = {HOLD_MS}"
# A message goes after its deliveries, and an attempt when its delivery is finished.
_IN_USE = {
    "message": "SELECT EXISTS (SELECT 1 FROM delivery WHERE cursor >= $1 AND cursor < $2)",
    # Counted, so that the partial index of what is open is read and not the range.
    "attempt": "SELECT count(*) > 0 FROM delivery WHERE state < 3 AND cursor >= $1 AND cursor < $2",
}
_DETACHED = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
  AND relkind = 'r' AND NOT relispartition AND relname ~ '^(message|attempt)_gone_[0-9]+$'
ORDER BY relname
"""


class Partitions:
    """The parts of one database.

    Args:
        session: Lends a connection that is not in a transaction.
    """

    def __init__(self, session: Callable[[], AbstractAsyncContextManager[Session]]) -> None:
        self._session = session

    async def ahead(self, now: int) -> None:
        """Make the parts that will be needed; see `postgres_partitions.ahead`."""
        try:
            async with self._session() as session:
                made = await postgres_partitions.ahead(session.connection, now)
        except asyncpg.LockNotAvailableError:
            return  # somebody is in the way; the next round may do better
        if made:
            _log.info("parts for the log were made: %s", ", ".join(made))

    async def parts(self, table: str) -> list[Part]:
        """Return the parts of ``message`` or ``attempt``, oldest first, but the newest."""
        async with self._session() as session:
            return (await postgres_partitions.parts(session.connection, table))[:-1]

    async def detach(self, table: str, part: Part) -> bool:
        """Take a part off its table, to be dropped.

        Returns:
            False if somebody is in the way, or it is in use: a delivery of its
            messages is left, or an attempt's delivery is not finished.
        """
        async with self._session() as session:
            try:
                async with session.connection.transaction():
                    return await _detach(session.connection, table, part)
            except (
                asyncpg.LockNotAvailableError,
                asyncpg.DeadlockDetectedError,
                asyncpg.QueryCanceledError,
            ):
                return False

    async def drop_detached(self) -> list[str]:
        """Drop what was taken off; returns what it is called.

        Raises:
            Unavailable: the database cannot be reached.
        """
        dropped: list[str] = []
        async with self._session() as session:
            for row in await session.connection.fetch(_DETACHED):
                try:
                    await session.connection.execute(f"DROP TABLE IF EXISTS {row[0]}")
                except asyncpg.LockNotAvailableError:
                    continue  # it is being vacuumed, say
                dropped.append(row[0])
        if dropped:
            _log.info("old parts were dropped: %s", ", ".join(dropped))
        return dropped


async def _detach(connection: Any, table: str, part: Part) -> bool:
    await connection.execute(_BRIEFLY)
    if not await postgres_partitions.take_turn(connection):
        return False
    await connection.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
    # Asked under the lock: whoever sends a message again has read it in the same transaction.
    if part not in await postgres_partitions.parts(connection, table):
        return False
    if await connection.fetchval(_IN_USE[table], part.first, part.end):
        return False
    await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {part.name}")
    await connection.execute(f"ALTER TABLE {part.name} RENAME TO {table}_gone_{part.first}")
    return True
