"""Tasks and fan-out over the store: a chunk and its position are one, order is kept."""

import pytest

from consignease.app import fanout, replays, tasks
from consignease.app.tasks import Wanted
from consignease.domain.delivery import Result, State
from consignease.domain.tasks import Part, Status, Task
from consignease.store import views
from consignease.store.tx import Tx
from tests.helpers.engine import Engine, with_engine

BAD, GOOD = Result(500), Result(200)


async def begin(engine: Engine, kind: str, last: int) -> Task:
    wanted = Wanted(kind, 0, last)
    return await engine.store.write(tasks.begin, engine.instance, wanted, engine.now)


async def look(engine: Engine, task: Task) -> Task:
    return await engine.store.read(tasks.get, engine.instance, task.id)


def touches(tx: Tx, _task: Task, now: int) -> Part:
    """A chunk with an effect that can be counted."""
    tx.execute("UPDATE counter SET value = value + 1 WHERE name = 'clock'")
    return Part(_task.position + 10, 1, {"at": now})


@with_engine
async def test_a_chunk_and_its_position_commit_together(engine: Engine) -> None:
    """What fails in a chunk after its effect leaves neither the effect nor the new position."""
    task = await begin(engine, "touch", 25)

    def clock(tx: Tx) -> int:
        return tx.one("SELECT value FROM counter WHERE name = 'clock'")[0]

    before = await engine.store.read(clock)

    def breaks(tx: Tx, found: Task, now: int) -> Part:
        touches(tx, found, now)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await engine.store.write(tasks.step, task.no, {"touch": breaks}, engine.now)
    assert await engine.store.read(clock) == before
    assert (await look(engine, task)).position == 0
    kinds = {"touch": touches}
    for position in (10, 20):
        assert await engine.store.write(tasks.step, task.no, kinds, engine.now)
        found = await look(engine, task)
        assert (found.position, found.status) == (position, Status.RUNNING)
    assert await engine.store.write(tasks.step, task.no, kinds, engine.now)
    found = await look(engine, task)
    assert (found.status, found.count, found.percent) == (Status.FINISHED, 3, 100)
    assert found.result == {"at": engine.now}
    assert not await engine.store.write(tasks.step, task.no, kinds, engine.now)
    assert await engine.store.read(clock) == before + 3


@with_engine
async def test_tasks_that_ended_are_kept_for_a_while_and_dropped(engine: Engine) -> None:
    """One that runs is not; one that failed names its error until then."""
    ended, running = [await begin(engine, "touch", 25) for _ in range(2)]
    await engine.store.write(tasks.fail, ended.no, "No such thing.", engine.now)
    assert (await look(engine, ended)).error == "No such thing."
    assert await engine.store.write(tasks.drop_ended, engine.now + tasks.KEPT_MS) == 0
    assert await engine.store.write(tasks.drop_ended, engine.now + tasks.KEPT_MS + 1) == 1
    page = await engine.store.read(tasks.page, engine.instance, None, None, None, 10)
    assert [one.id for one in page] == [running.id]


async def endpoint_id(engine: Engine) -> str:
    sql = "SELECT id FROM endpoint WHERE no = ?"
    return await engine.store.read(lambda tx: tx.one(sql, (engine.endpoint,))[0])


@with_engine
async def test_a_recovery_takes_failed_and_canceled_ones_in_order_and_holds_nobody(
    engine: Engine,
) -> None:
    """Its deliveries are outside their lane: a fresh event of the same subject goes at once."""
    first = await engine.publish()
    await engine.finish(first, BAD, schedule=())
    second = await engine.publish()
    await engine.finish(second, BAD)
    gone = await engine.publish(deletes=True)
    assert await engine.state(first) is State.FAILED
    assert await engine.state(second) is State.CANCELED
    await engine.finish(gone, GOOD)
    name = await endpoint_id(engine)
    engine.hand.due.clear()
    args = (engine.instance, name, engine.now, None, engine.now)
    task = await engine.store.write(replays.recover, *args)
    later = await engine.publish()
    assert await engine.store.write(tasks.step, task.no, replays.KINDS, engine.now)
    assert (await look(engine, task)).count == 2
    assert engine.endpoint in engine.hand.due
    fresh = await engine.publish()
    assert engine.held() == [later]
    assert await engine.state(fresh) is State.WAITING
    await engine.claim()
    assert engine.held() == [later, first, second]
    await engine.finish(later, GOOD)
    assert engine.held() == [first, second, fresh]


@with_engine
async def test_a_replay_hands_on_no_more_than_the_endpoint_is_ready_for(engine: Engine) -> None:
    """A quarter of a second's worth waits at most; to a disabled endpoint it hands on all."""
    engine.hand.room = 0
    every = 100
    for number in range(every):
        await engine.publish(f"user_{number}")

    async def run(sql: str) -> None:
        await engine.store.write(lambda tx: tx.execute(sql) and None)

    await run("UPDATE delivery SET state = 4, due_at = NULL")
    args = (engine.instance, await endpoint_id(engine), engine.now, None, engine.now)
    task = await engine.store.write(replays.recover, *args)

    async def step() -> int:
        await engine.store.write(tasks.step, task.no, replays.KINDS, engine.now)
        return (await look(engine, task)).count

    assert [await step(), await step()] == [replays.LEAST, replays.LEAST]
    sql = f"""INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, error, headers,
      response, connect_us, tls_us, wait_us, total_us)
      SELECT cursor, endpoint, 1, {engine.now}, 0, 200, '', x'', x'', 0, 0, 0, 0 FROM delivery"""
    await run(sql)
    assert [await step(), await step()] == [every // 4, every // 4]
    await run("UPDATE delivery SET state = 3, due_at = NULL WHERE state = 1")
    assert await step() == every // 4 * 2
    assert (await look(engine, task)).status is Status.RUNNING
    await run("UPDATE endpoint SET disabled = 1")
    assert await step() == every
    assert (await look(engine, task)).status is Status.FINISHED


async def addressed(engine: Engine, cursor: int) -> dict[int, int]:
    sql = "SELECT endpoint, state FROM delivery WHERE cursor = ? ORDER BY endpoint"
    return await engine.store.read(lambda tx: {row[0]: row[1] for row in tx.all(sql, (cursor,))})


@with_engine
async def test_a_message_to_many_is_expanded_behind_the_one_before(engine: Engine) -> None:
    """A later message of the subject waits for the expansion, even if it goes to few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "AT_ONCE", 4)
        patch.setattr(fanout, "CHUNK", 2)
        numbers = [engine.endpoint, *[await engine.add_endpoint() for _ in range(4)]]
        first = await engine.publish()
        assert await addressed(engine, first) == {}
        assert engine.hand.tasks == 1
        gone, changed = numbers[2], numbers[3]

        def change(tx: Tx) -> None:
            tx.execute("UPDATE endpoint SET deleted_at = 1 WHERE no = ?", (gone,))
            sql = "UPDATE endpoint SET event_types = '[\"user.created\"]' WHERE no = ?"
            tx.execute(sql, (changed,))

        await engine.store.write(change)
        late = await engine.add_endpoint()
        second = await engine.publish()  # to four only: it is expanded nevertheless
        other = await engine.publish(None)  # no subject, no lane: at once
        left = [one for one in numbers if one not in {gone, changed}]
        assert list(await addressed(engine, other)) == [*left, late]
        assert await addressed(engine, second) == {}
        assert not await engine.store.write(fanout.expand, second, engine.now)
        while await engine.store.write(fanout.expand, first, engine.now):
            pass
        assert await addressed(engine, first) == dict.fromkeys(left, 2)
        while await engine.store.write(fanout.expand, second, engine.now):
            pass
        assert await addressed(engine, second) == {**dict.fromkeys(left, 0), late: 2}
        third = await engine.publish()
        assert len(await addressed(engine, third)) == len(left) + 1


@with_engine
async def test_what_was_addressed_already_is_not_addressed_twice(engine: Engine) -> None:
    """A replay of missing messages that comes before the expansion does not break it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "AT_ONCE", 1)
        second = await engine.add_endpoint()
        cursor = await engine.publish()
        args = (engine.instance, await endpoint_id(engine), "endpoint.replay", 0, engine.now)
        task = await engine.store.write(replays.from_cursor, *args)
        assert await engine.store.write(tasks.step, task.no, replays.KINDS, engine.now)
        assert await addressed(engine, cursor) == {engine.endpoint: 1}
        assert await engine.store.write(fanout.expand, cursor, engine.now)
        assert await addressed(engine, cursor) == {engine.endpoint: 1, second: 2}
        assert await engine.store.read(views.top) == cursor
        assert not await engine.store.write(fanout.expand, cursor, engine.now)
