"""PostgreSQL: the parts that the log and the attempts are kept in."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from consignease.store import postgres_partitions
from consignease.store.postgres import PostgresStore
from consignease.store.postgres_partitions import DAY_MS, LEAST, ahead, parts
from consignease.store.tx import Tx
from tests.helpers import databases
from tests.helpers.postgres import programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

NOW = 1_700_000_000_000
MESSAGE = """INSERT INTO message (cursor, instance, app, type, version, at, body)
VALUES ($1, 1, 1, 'x', 1, $2, '{}')"""


def with_connection(test: Callable[[Any, str], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a connection to a database of its own."""

    async def main() -> None:
        url = await databases.new_database()
        connection = await asyncpg.connect(url)
        try:
            await test(connection, url)
        finally:
            await connection.close()

    databases.cluster()
    asyncio.run(main())


async def bounds(connection: Any, table: str = "message") -> list[tuple[int, int]]:
    return [(part.first, part.end) for part in await parts(connection, table)]


def test_the_next_part_is_made_before_the_log_reaches_it() -> None:
    """A whole part lies ahead at any time, of the size of a day; both tables have the same."""

    async def test(connection: Any, _url: str) -> None:
        await ahead(connection, NOW)
        assert await bounds(connection) == [(0, LEAST), (LEAST, 2 * LEAST)]
        assert await ahead(connection, NOW) == []
        # The log has come into the second part, with 3 million messages in half a day.
        await connection.execute(MESSAGE, LEAST, NOW - DAY_MS // 2)
        await connection.execute(f"SELECT setval('log_cursor', {LEAST + 3_000_000})")
        await ahead(connection, NOW)
        wanted = [(0, LEAST), (LEAST, 2 * LEAST), (2 * LEAST, 8 * LEAST), (8 * LEAST, 14 * LEAST)]
        assert await bounds(connection) == wanted
        assert await bounds(connection, "attempt") == wanted

    with_connection(test)


def test_what_no_part_covered_is_kept_and_moved_to_its_own_part() -> None:
    """A log that outran its parts loses nothing."""

    async def test(connection: Any, _url: str) -> None:
        late = LEAST + 5
        await connection.execute(MESSAGE, late, NOW)
        assert await connection.fetchval("SELECT count(*) FROM message_rest") == 1
        await connection.execute(f"SELECT setval('log_cursor', {late})")
        await ahead(connection, NOW)
        assert await connection.fetchval("SELECT count(*) FROM message_rest") == 0
        assert await connection.fetchval(f"SELECT cursor FROM message_from_{LEAST}") == late

    with_connection(test)


def test_parts_are_made_while_units_write_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that runs through many small parts has every message, and refuses none."""
    databases.cluster()  # its databases have a first part of the usual width
    monkeypatch.setattr(postgres_partitions, "LEAST", 50)
    monkeypatch.setattr(postgres_partitions, "MOST", 50)

    def append(tx: Tx) -> int:
        cursor = tx.next_cursor()
        sql = """INSERT INTO message (cursor, instance, app, type, version, at, body)
        VALUES (?, 1, 1, 'x', 1, ?, x'')"""
        tx.execute(sql, (cursor, NOW))
        return cursor

    async def test(connection: Any, url: str) -> None:
        await connection.execute(f"SELECT setval('log_cursor', {LEAST - 10})")
        store = PostgresStore(url)
        await store.open()
        written: list[int] = []

        async def write() -> None:
            for _ in range(60):
                written.append(await store.write(append))
                await store.read(Tx.one, "SELECT count(*) FROM message")

        writers = asyncio.gather(*(write() for _ in range(10)))
        while not writers.done():
            await store.upkeep(NOW + DAY_MS)
        await writers
        await store.shut()
        found = await connection.fetch("SELECT cursor FROM message ORDER BY cursor")
        assert [row[0] for row in found] == sorted(written)
        assert len(await bounds(connection)) > 6

    with_connection(test)
