"""When units that wait for PostgreSQL are taken into a transaction."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from consignease.store import postgres_queue
from consignease.store.postgres_queue import GROUP_UNITS, Queue
from consignease.store.units import Unit


def unit() -> Unit:
    return Unit(print, (), asyncio.get_running_loop())


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def rounds() -> None:
    """Let everything happen that is ready to."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_comes_alone_begins_at_once_and_the_rest_waits_until_it_is_done() -> None:
    """All that came meanwhile is one group, though a second writer is free."""

    async def main() -> None:
        queue = Queue()
        taken: list[int] = []

        async def writer() -> None:
            while (group := await queue.take()) is not None:
                taken.append(len(group))
                await asyncio.wait_for(go_on.get(), 10)
                queue.done()

        go_on: asyncio.Queue[None] = asyncio.Queue()
        writers = [asyncio.create_task(writer()) for _ in range(2)]
        queue.put(unit())
        await rounds()
        assert taken == [1]
        for _ in range(3):
            queue.put(unit())
        await rounds()
        assert taken == [1]
        go_on.put_nowait(None)
        await rounds()
        assert taken == [1, 3]
        queue.close()
        for _ in range(2):
            go_on.put_nowait(None)
        await asyncio.gather(*writers)

    run(main())


def test_a_whole_group_begins_beside_what_is_under_way() -> None:
    """One unit fewer waits; with the last one it is taken, though the first is not done."""

    async def main() -> None:
        queue = Queue()
        queue.put(unit())
        assert len(await queue.take() or ()) == 1
        for _ in range(GROUP_UNITS - 1):
            queue.put(unit())
        second = asyncio.create_task(queue.take())
        await rounds()
        assert not second.done()
        queue.put(unit())
        assert len(await second or ()) == GROUP_UNITS

    run(main())


def test_a_transaction_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whatever number; and the one after that waits as long again."""
    monkeypatch.setattr(postgres_queue, "LONG_SECONDS", 0.02)

    async def main() -> None:
        queue = Queue()
        loop = asyncio.get_running_loop()
        waited: list[float] = []
        for _ in range(3):
            began = loop.time()
            queue.put(unit())
            assert len(await asyncio.wait_for(queue.take(), 10) or ()) == 1
            waited.append(loop.time() - began)
        assert waited[0] < min(waited[1:])

    run(main())


def test_who_waits_for_units_is_let_go_when_all_are_done() -> None:
    """What was put in before is taken first, and at once."""

    async def main() -> None:
        queue = Queue()
        queue.put(unit())
        assert await queue.take() is not None
        queue.put(unit())
        queue.close()
        assert len(await asyncio.wait_for(queue.take(), 10) or ()) == 1
        assert await asyncio.wait_for(queue.take(), 10) is None

    run(main())
