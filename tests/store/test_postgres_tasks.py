"""Tasks where several processes share a PostgreSQL database: one of them has a chunk."""

import asyncio
from typing import Any

import pytest

from consignease.app import tasks
from consignease.app.tasks import Wanted
from consignease.domain.faults import Unavailable
from consignease.domain.instances import Instance
from consignease.domain.tasks import Part, Status, Task
from consignease.store import instances
from consignease.store.tx import Tx
from tests.helpers import databases
from tests.helpers.postgres import programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

NOW = 1_790_000_000_000
_COUNT = "UPDATE counter SET value = value + 1 WHERE name = 'clock'"


def add_instance(tx: Tx) -> Instance:
    return instances.add(
        tx, id="ins_1", name="development", frontend_host="a.test", app_id="app_1", now=NOW
    )


def quick(tx: Tx, task: Task, _now: int) -> Part:
    tx.execute(_COUNT)
    return Part(task.position + 1, 1)


def slow(tx: Tx, task: Task, now: int) -> Part:
    tx.one("SELECT pg_sleep(0.5)")
    return quick(tx, task, now)


def count(tx: Tx) -> int:
    return tx.one("SELECT value FROM counter WHERE name = 'clock'")[0]


async def asleep(store: Any) -> None:
    """Wait until a chunk is in its middle."""
    sql = """SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'
             AND datname = current_database()"""
    while not await store.read(lambda tx: tx.all(sql)):
        await asyncio.sleep(0.01)


def test_of_two_processes_one_has_a_chunk_and_what_a_dead_one_began_is_done_again() -> None:
    """The other passes it by; a chunk cut off has no effect, and the next process does it."""
    from consignease.store.postgres import PostgresStore

    async def main() -> None:
        url = await databases.new_database()
        one, two = PostgresStore(url), PostgresStore(url)
        await one.open()
        await two.open()
        try:
            instance = await one.write(add_instance)
            task = await one.write(tasks.begin, instance, Wanted("k", 0, 40), NOW)

            first = one.write(tasks.step, task.no, {"k": slow}, NOW)
            await asleep(two)
            assert await two.write(tasks.step, task.no, {"k": quick}, NOW) is False
            assert await first is True

            cut = one.write(tasks.step, task.no, {"k": slow}, NOW)
            await asleep(two)
            kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            await two.read(lambda tx: tx.all(kill))
            with pytest.raises(Unavailable):
                await cut
            assert await two.read(count) == 1
            assert (await two.read(tasks.get, instance, task.id)).position == 1

            async def work(store: Any) -> None:
                for _ in range(60):
                    await store.write(tasks.step, task.no, {"k": quick}, NOW)

            await asyncio.gather(work(one), work(two))
            done = await two.read(tasks.get, instance, task.id)
            assert (done.status, done.position, done.count) == (Status.FINISHED, 40, 40)
            assert await two.read(count) == 40
        finally:
            await one.shut()
            await two.shut()

    databases.cluster()
    asyncio.run(main())
