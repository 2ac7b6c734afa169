"""PostgreSQL: the log's horizon, lanes across transactions, processes side by side."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from unittest.mock import ANY

import pytest

from consignease.app.attempts import Tried, record
from consignease.app.publish import publish
from consignease.domain.delivery import Policy, Settled, State
from consignease.domain.events import NewEvent
from consignease.domain.faults import Invalid, Unavailable
from consignease.store import lanes, messages, postgres_session
from consignease.store.lanes import Lane
from consignease.store.tx import Tx
from tests.helpers import databases
from tests.helpers.postgres import programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")


def run(test: Callable[[Any], Coroutine[Any, Any, None]], **more: int) -> None:
    """Run a test with a store on a database of its own."""
    from consignease.store.postgres import PostgresStore

    async def main() -> None:
        store = PostgresStore(await databases.new_database(), **more)
        await store.open()
        try:
            await test(store)
        finally:
            await store.shut()

    databases.cluster()
    asyncio.run(main())


def append(tx: Tx, fails: bool, pause: float = 0) -> int:
    cursor = tx.next_cursor()
    tx.execute("INSERT INTO counter (name, value) VALUES (?, ?)", (f"m{cursor}", cursor))
    if pause:
        tx.one("SELECT pg_sleep(?)", (pause,))
    if fails:
        msg = "rolled back on purpose"
        raise ValueError(msg)
    return cursor


def seen(tx: Tx, above: int, horizon: int) -> list[int]:
    sql = "SELECT value FROM counter WHERE name LIKE 'm%' AND value > ? AND value <= ?"
    return sorted(row[0] for row in tx.all(sql, (above, horizon)))


def test_a_reader_that_follows_the_horizon_never_misses_a_cursor() -> None:
    """With rollbacks, pauses before commits, and commits in any order, nothing comes below it."""

    async def test(store: Any) -> None:
        chance = random.Random(7)
        committed: list[int] = []

        async def write() -> None:
            for _ in range(60):
                try:
                    pause = 0.03 if chance.random() < 0.05 else 0
                    committed.append(await store.write(append, chance.random() < 0.2, pause))
                except ValueError:
                    continue

        followed: list[int] = []
        writers = asyncio.gather(*(write() for _ in range(20)))
        at, last = 0, False
        while True:
            last = writers.done()
            horizon = await store.horizon()
            followed += await store.read(seen, at, horizon)
            at = max(at, horizon)
            if last:
                break
        await writers
        assert followed == sorted(committed)
        assert len(committed) > 800

    run(test)


class Barrier:
    """Holds a connection of its own with a transaction that the test ends."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Any:
        from consignease.store.postgres_session import connect

        self.connection = await connect(self.url)
        await self.connection.execute("BEGIN")
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()


async def _lane(engine: Any) -> tuple[int, int]:
    first = await engine.publish()
    assert engine.held() == [first]
    return first, (await engine.row(first))["subject"]


def with_lanes(test: Callable[[Any], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the lanes' engine on PostgreSQL, whatever the run is on."""
    from pathlib import Path

    from tests.helpers.engine import Engine

    monkeypatch.setattr(databases, "POSTGRES", True)

    async def main() -> None:
        engine = Engine(Path())
        try:
            await engine.open()
            await test(engine)
        finally:
            engine.store.close()

    asyncio.run(main())


@pytest.mark.parametrize("looks", [True, False])
def test_a_delivery_is_not_forgotten_that_waits_for_one_recorded_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """The publisher saw its predecessor open; by its commit that had succeeded: it looks again.

    Without that look it is forgotten, so the moment that is tested is the right one.
    """
    if not looks:
        monkeypatch.setattr(lanes, "move_on", lambda *_: None)

    async def test(engine: Any) -> None:
        first, _ = await _lane(engine)
        event = NewEvent(type="user.updated", object_id="user_a", subject="user_a", data=b"{}")

        def slow(tx: Tx) -> None:
            publish(tx, engine.instance, event, engine.now)
            tx.one("SELECT pg_sleep(0.4)")

        async with Barrier(engine.store.store.url) as recording:
            # The predecessor's success is written but not committed: the publisher sees it open.
            await recording.execute("UPDATE delivery SET state = 3 WHERE cursor = $1", first)
            publishing = asyncio.ensure_future(engine.store.write(slow))
            await asyncio.wait([publishing], timeout=0.2)
            await recording.execute("COMMIT")
            await publishing
        assert engine.held()[0] == first
        assert len(engine.held()) == (2 if looks else 1)

    with_lanes(test, monkeypatch)


@pytest.mark.parametrize("looks", [True, False])
def test_a_delivery_is_not_forgotten_that_came_before_its_predecessor_was_recorded(
    monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """The publisher looked twice and saw its predecessor open: who records looks after its commit.

    Without that look the delivery is forgotten.
    """
    if not looks:
        monkeypatch.setattr(lanes, "move_on_where_any_waits", lambda *_: None)

    async def test(engine: Any) -> None:
        first, _ = await _lane(engine)
        (item,) = engine.hand.leased
        engine.hand.leased.clear()
        policy = Policy()
        done = Settled(state=State.SUCCEEDED, tries=1)
        row = (first, engine.endpoint, 1, engine.now, 0, 204, None, "", b"", b"", 0, 0, 0, 0, 0, 0)
        tried = Tried(item, row, done, policy, engine.instance.app, engine.now, engine.now)

        def slow(tx: Tx) -> None:
            record(tx, [tried], [])
            tx.one("SELECT pg_sleep(1.5)")

        recording = asyncio.ensure_future(engine.store.write(slow))
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        asleep += " AND wait_event = 'PgSleep' AND datname = current_database()"
        while not (await engine.store.read(Tx.one, asleep))[0]:
            assert not recording.done()
        second = await engine.publish()
        assert not recording.done(), "the publisher was to be done first"
        assert (await engine.row(second))["state"] == State.WAITING
        await recording
        assert engine.held() == ([second] if looks else [])

    with_lanes(test, monkeypatch)


def test_two_that_let_a_lane_move_on_lease_its_next_delivery_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recorder, publisher and sweep may all look at once; one of them gets the delivery."""

    async def test(engine: Any) -> None:
        first, subject = await _lane(engine)
        second = await engine.publish()
        third = await engine.publish()
        sql = "UPDATE delivery SET state = 3 WHERE cursor = ?"
        await engine.store.write(lambda tx: tx.run(sql, (first,)))
        engine.hand.leased.clear()
        async with Barrier(engine.store.store.url) as holding:
            # Both have found the delivery free before either can take it.
            await holding.execute("UPDATE delivery SET state = 0 WHERE cursor = $1", second)
            looking: list[Any] = []
            for _ in range(2):
                lane = Lane(subject, engine.endpoint, engine.now)
                looking.append(asyncio.ensure_future(engine.store.write(lanes.move_on, [lane])))
                await asyncio.wait(looking, timeout=0.06)
            await holding.execute("COMMIT")
            await asyncio.gather(*looking)
        assert engine.held() == [second]
        assert (await engine.row(third))["state"] == State.WAITING
        assert engine.hand.room == 1_000 - 2

    with_lanes(test, monkeypatch)


@pytest.mark.parametrize("room", [1_000, 0])
@pytest.mark.parametrize("again", [True, False])
def test_a_delivery_that_another_transaction_holds_is_passed_by_and_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, again: bool, room: int
) -> None:
    """That one only told it how long to wait: nobody waits for its commit, nor is it forgotten.

    Without the second look it is.
    """
    if not again:
        monkeypatch.setattr(Tx, "later", lambda *_: None)

    async def test(engine: Any) -> None:
        first, subject = await _lane(engine)
        second = await engine.publish()
        sql = "UPDATE delivery SET state = 3 WHERE cursor = ?"
        await engine.store.write(lambda tx: tx.run(sql, (first,)))
        engine.hand.leased.clear()
        engine.hand.room = room
        async with Barrier(engine.store.store.url) as holding:
            await holding.execute("UPDATE delivery SET due_at = 1 WHERE cursor = $1", second)
            lane = Lane(subject, engine.endpoint, engine.now)
            await engine.store.write_only(lanes.move_on, [lane])
            assert (await engine.row(second))["state"] == State.WAITING
            await holding.execute("COMMIT")
        await engine.store.settled()
        assert engine.held() == ([second] if again and room else [])
        state = State.WAITING if not again else State.SENDING if room else State.PENDING
        assert (await engine.row(second))["state"] == state
        assert engine.hand.room == room - (1 if again and room else 0)

    with_lanes(test, monkeypatch)


def test_a_store_closes_although_a_delivery_is_held_that_it_would_look_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction that never ends, as of somebody who looks by hand, holds up no shutdown."""

    async def test(engine: Any) -> None:
        first, subject = await _lane(engine)
        second = await engine.publish()
        sql = "UPDATE delivery SET state = 3 WHERE cursor = ?"
        await engine.store.write(lambda tx: tx.run(sql, (first,)))
        async with Barrier(engine.store.store.url) as holding:
            await holding.execute("UPDATE delivery SET due_at = 1 WHERE cursor = $1", second)
            lane = Lane(subject, engine.endpoint, engine.now)
            await engine.store.write_only(lanes.move_on, [lane])
            await asyncio.wait_for(engine.store.shut(), 20)

    with_lanes(test, monkeypatch)


def test_the_sweep_finds_a_lane_whose_process_died_before_it_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Success is committed, the look afterwards never happened: the next sweep lets it go."""

    async def test(engine: Any) -> None:
        first, _ = await _lane(engine)
        second = await engine.publish()
        sql = "UPDATE delivery SET state = 3 WHERE cursor = ?"
        await engine.store.write(lambda tx: tx.run(sql, (first,)))
        assert (await engine.row(second))["state"] == State.WAITING
        assert await engine.store.write(lanes.sweep, engine.now, 100) == 1
        assert engine.held() == [first, second]

    with_lanes(test, monkeypatch)


def test_a_waiting_delivery_learns_how_long_to_wait_when_it_looks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind one that fails, what waits gets its patience, whoever of the two came first."""

    async def test(engine: Any) -> None:
        first, subject = await _lane(engine)
        second = await engine.publish()
        sql = "UPDATE delivery SET state = 1, due_at = ?, started_at = ? WHERE cursor = ?"
        at = engine.now
        await engine.store.write(lambda tx: tx.run(sql, (at + 5_000, at, first)))
        policy = Policy()
        lane = lanes.behind(subject, engine.endpoint, at, policy)
        await engine.store.write(lanes.move_on, [lane])
        assert (await engine.row(second))["due_at"] == at + policy.overtake_ms

    with_lanes(test, monkeypatch)


def test_a_database_that_is_gone_refuses_at_once_and_is_found_again() -> None:
    """Units are refused with a name for the cause; the same store works when it is back."""
    from consignease.store.postgres import PostgresStore
    from consignease.store.postgres_schema import prepare
    from tests.helpers.postgres import Cluster

    async def main(cluster: Cluster) -> None:
        url = await cluster.new()
        await prepare(url)
        store = PostgresStore(url)
        await store.open()
        try:
            kept = await store.write(append, False)
            cluster.stop("immediate")
            with pytest.raises(Unavailable):
                await store.write(append, False)
            assert store.failure
            cluster.start()
            after = await store.write(append, False)
            assert after > kept
            assert store.failure is None
            assert await store.read(seen, 0, after) == [kept, after]
        finally:
            await store.shut()

    cluster = Cluster()
    try:
        asyncio.run(main(cluster))
    finally:
        cluster.close()


def test_what_others_hold_is_waited_for_longer_than_one_wait_for_a_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A unit is run again for as long as nothing but a lock is in its way, and not for ever."""
    from consignease.store import postgres

    count = "UPDATE counter SET value = value + 1 WHERE name = 'clock'"
    monkeypatch.setattr(postgres, "LOCK_WAIT", "5ms")

    async def test(store: Any) -> None:
        tries = 0

        def add(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            tx.execute(count)

        async with Barrier(store.url) as other:
            await other.execute(count)
            waiting = store.write(add)
            while tries < 4 * postgres.AGAIN:
                assert not waiting.done()
                await asyncio.sleep(0.005)
            await other.execute("COMMIT")
            await waiting

            await other.execute("BEGIN")
            await other.execute(count)
            monkeypatch.setattr(postgres, "LOCKED_SECONDS", 0.1)
            with pytest.raises(Unavailable, match="cannot be reached"):
                await store.write(add)

    run(test)


def test_a_nul_in_one_of_many_rows_is_refused() -> None:
    """Rows come as arrays; what PostgreSQL's text cannot hold is found there too."""

    async def test(store: Any) -> None:
        rows = [(1, "fine", 1), (1, "a\0b", 2)]
        with pytest.raises(Invalid, match="U\\+0000"):
            await store.write(messages.take_uids, rows)
        assert await store.write(
            messages.take_uids, [(1, f"u{n}", n) for n in range(2_500)]
        ) == set(range(2_500))

    run(test)


_PLANS = """
SELECT name, generic_plans, custom_plans, statement FROM pg_prepared_statements
WHERE statement LIKE '%counted%'
"""


def test_a_statement_is_planned_once_to_write_and_for_its_values_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays prepared under a name, and what is no longer used makes room."""
    monkeypatch.setattr(postgres_session, "PREPARED_MOST", 10)

    def often(tx: Tx) -> list[Any]:
        for n in range(8):
            tx.one("SELECT ? AS counted", (str(n),))
        return [tuple(row[:3]) for row in tx.all(_PLANS) if "pg_prepared" not in row[3]]

    def many(tx: Tx) -> int:
        for n in range(25):
            tx.one(f"SELECT {n} AS other")
        return tx.one("SELECT count(*) FROM pg_prepared_statements")[0]

    async def test(store: Any) -> None:
        assert await store.write(often) == [("consignease_0", 8, 0)]
        assert await store.read(often) == [("consignease_0", 0, 8)]
        assert await store.write(many) <= 12
        assert await store.write(often) == [(ANY, 8, 0)]

    run(test, writers=1, readers=1)
