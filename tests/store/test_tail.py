"""The end of the log: nobody who waits there misses what was appended, in whatever process."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from consignease.store import postgres_notices
from consignease.store.tail import Tail
from consignease.store.tx import Tx
from tests.helpers import databases
from tests.helpers.postgres import programs

LONG = 25.0
postgres = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")


class Counted:
    """Something that grows, with how often it was looked at."""

    def __init__(self) -> None:
        self.value = 0
        self.looks = 0

    async def look(self) -> int:
        self.looks += 1
        return self.value


async def at_rest(tail: Tail, count: int = 1) -> None:
    """Let others run until so many wait."""
    async with asyncio.timeout(20):
        while tail.readers != count:
            await asyncio.sleep(0.001)


def test_what_grows_while_somebody_looks_is_not_missed() -> None:
    """A commit between the look and the waiting wakes as one that comes later."""

    async def main() -> None:
        tail, grows = Tail(), Counted()

        async def look() -> int:
            found = await grows.look()
            if grows.looks == 1:
                grows.value = 1
                tail.grew()
            return found

        async with asyncio.timeout(LONG / 2):
            assert await tail.until(look, bool, LONG) == 1
        assert grows.looks == 2
        assert tail.readers == 0

    asyncio.run(main())


def test_a_reader_who_finds_nothing_looks_less_often() -> None:
    """A thousand commits of no concern to it are a handful of looks."""

    async def main() -> None:
        tail, grows = Tail(), Counted()
        reader = asyncio.create_task(tail.until(grows.look, bool, LONG))
        await at_rest(tail)
        for _ in range(1_000):
            tail.grew()
            await asyncio.sleep(0)
        assert grows.looks < 20
        grows.value = 7
        tail.grew()
        async with asyncio.timeout(LONG / 2):
            assert await reader == 7

    asyncio.run(main())


def test_who_is_cancelled_leaves_nothing_behind() -> None:
    """And one who fails does not, either."""

    async def main() -> None:
        tail, grows = Tail(), Counted()
        reader = asyncio.create_task(tail.until(grows.look, bool, LONG))
        await at_rest(tail)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert tail.readers == 0

        async def fails() -> int:
            msg = "looked in vain"
            raise LookupError(msg)

        with pytest.raises(LookupError, match="in vain"):
            await tail.until(fails, bool, LONG)
        assert tail.readers == 0

    asyncio.run(main())


def append(tx: Tx, fails: bool) -> int:
    cursor = tx.next_cursor()
    tx.execute("INSERT INTO counter (name, value) VALUES (?, ?)", (f"m{cursor}", cursor))
    if fails:
        msg = "rolled back on purpose"
        raise ValueError(msg)
    return cursor


def appended(tx: Tx, horizon: int) -> int:
    sql = "SELECT max(value) FROM counter WHERE name LIKE 'm%' AND value <= ?"
    return tx.one(sql, (horizon,))[0] or 0


def reads(store: Any, above: int = 0) -> Awaitable[int]:
    async def look() -> int:
        return await store.read(appended, await store.horizon())

    def enough(found: int) -> bool:
        return found > above

    return store.tail.until(look, enough, LONG)


def test_a_commit_that_appends_wakes_and_another_does_not(tmp_path: Path) -> None:
    """On the file, where the writer's thread tells the readers' loop."""
    from consignease.store.database import migrate
    from consignease.store.engine import Store

    async def main() -> None:
        migrate(tmp_path / "one.db")
        store = Store(tmp_path / "one.db")
        grown: list[int] = []
        grew = store.tail.grew

        def tells(numbers: int) -> None:
            grown.append(numbers)
            grew(numbers)

        store.tail.grew = tells  # type: ignore[method-assign,assignment]
        try:
            reader = asyncio.ensure_future(reads(store))
            await at_rest(store.tail)
            await store.write(lambda tx: tx.run("UPDATE counter SET value = value"))
            assert grown == [0]
            cursor = await store.write(append, False)
            async with asyncio.timeout(LONG / 2):
                assert await reader == cursor
        finally:
            await store.shut()

    asyncio.run(main())


def with_two(test: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Run a test with two processes' stores on one PostgreSQL database."""
    from consignease.store.postgres import PostgresStore

    async def main() -> None:
        url = await databases.new_database()
        stores = PostgresStore(url), PostgresStore(url)
        for store in stores:
            await store.open()
        try:
            await test(*stores)
        finally:
            for store in stores:
                await store.shut()

    databases.cluster()
    asyncio.run(main())


async def on_line(*stores: Any) -> None:
    async with asyncio.timeout(20):
        while not all(store.notices._linked for store in stores):
            await asyncio.sleep(0.002)


@postgres
def test_a_commit_of_another_process_wakes() -> None:
    """It tells of it, and what it tells is no news for anybody else."""

    async def test(here: Any, there: Any) -> None:
        heard: list[str] = []
        await on_line(here, there)
        here.notices._heard = heard.append
        reader = asyncio.ensure_future(reads(here))
        await at_rest(here.tail)
        cursor = await there.write(append, False)
        async with asyncio.timeout(LONG / 2):
            assert await reader == cursor
        assert heard == []

    with_two(test)


@postgres
def test_who_begins_to_listen_looks_again_at_what_was_read_before() -> None:
    """Nobody could tell of what changed between the two: settings, keys, the end of the log."""

    async def test(here: Any, there: Any) -> None:
        heard: list[str] = []
        here.notices._heard = heard.append
        await on_line(here, there)
        assert heard == ["missed"]

    with_two(test)


@postgres
def test_a_rollback_that_held_up_the_horizon_wakes() -> None:
    """What was committed above it can be read only when it is over, and then is."""

    async def test(here: Any, there: Any) -> None:
        await on_line(here, there)
        gate = 77

        def held(tx: Tx) -> None:
            append(tx, False)
            tx.one("SELECT CAST(pg_advisory_xact_lock(?) AS TEXT)", (gate,))
            append(tx, True)

        from consignease.store.postgres_session import connect

        keeper = await connect(here.url)
        try:
            await keeper.execute("SELECT pg_advisory_lock($1)", gate)
            holding = asyncio.ensure_future(there.write(held))
            async with asyncio.timeout(20):
                sql = "SELECT count(*) FROM pg_locks WHERE objid = $1 AND NOT granted"
                while not await keeper.fetchval(sql, gate):
                    await asyncio.sleep(0.002)
            reader = asyncio.ensure_future(reads(here))
            await at_rest(here.tail)
            cursor = await here.write(append, False)
            assert await here.horizon() < cursor
            assert not reader.done()
            await keeper.execute("SELECT pg_advisory_unlock($1)", gate)
            with pytest.raises(ValueError, match="on purpose"):
                await holding
            async with asyncio.timeout(LONG / 2):
                assert await reader == cursor
        finally:
            await keeper.close()

    with_two(test)


@postgres
@pytest.mark.parametrize("error", [asyncpg.InternalClientError, OSError, ValueError])
def test_a_line_that_fails_in_whatever_way_is_made_again_and_nothing_is_untold(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Also in the middle of telling, as when the database says goodbye; and the store still closes."""
    monkeypatch.setattr(postgres_notices, "AGAIN_SECONDS", 0.01)
    execute = asyncpg.Connection.execute
    failures = [error("on purpose"), error("on purpose")]

    async def fails(connection: Any, query: str, *args: Any, **more: Any) -> str:
        if "pg_notify" in query and failures:
            raise failures.pop()
        return await execute(connection, query, *args, **more)

    async def test(here: Any, there: Any) -> None:
        await on_line(here, there)
        heard: set[str] = set()
        there.notices._heard = heard.add
        monkeypatch.setattr(asyncpg.Connection, "execute", fails)
        here.tell("keys")
        async with asyncio.timeout(20):
            while "keys" not in heard:
                await asyncio.sleep(0.001)
        assert not failures

    with_two(test)
