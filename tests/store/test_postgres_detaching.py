"""PostgreSQL: old parts of the log and its attempts go whole, and nothing that is needed with them."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from consignease.app import retention
from consignease.domain.retention import DAY_MS, HOUR_MS, Keep
from consignease.store import postgres_partitions
from consignease.store.postgres import PostgresStore
from consignease.store.postgres_partitions import LEAST, Part, ahead, parts
from consignease.work.retain import Rounds
from tests.helpers import databases
from tests.helpers.postgres import programs
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

BEGAN = 1_700_000_000_000
WIDE = 100
"""How many cursors a part has here."""
DAYS = 6
MADE = 250

_FILL = """
WITH one AS (SELECT cursor, $2 + (cursor - $1) * $3 AS at
             FROM generate_series($1::bigint, $1::bigint + $4::bigint - 1) cursor),
m AS (INSERT INTO message (cursor, instance, app, type, version, at, body, tags)
      SELECT cursor, 1, 1, 'x', 1, at, '{}', '["t"]' FROM one),
t AS (INSERT INTO message_tag (app, tag, cursor) SELECT 1, 't', cursor FROM one),
d AS (INSERT INTO delivery (cursor, endpoint, state, tries, flags)
      SELECT cursor, 1, 3, 1, 0 FROM one)
INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, error, headers, response,
                     connect_us, tls_us, wait_us, total_us)
SELECT cursor, 1, 1, at, 0, 200, '', '', '', 0, 0, 0, 0 FROM one
"""


async def no_rest(_seconds: float) -> None:
    """Go on at once."""


class Log:
    """A log of six parts, each of a stretch of time, in a database of its own."""

    def __init__(self, connection: Any, store: PostgresStore, days: int) -> None:
        self.connection = connection
        self.store = store
        self.days = days

    async def fill(self) -> None:
        last = LEAST + DAYS * WIDE - 1
        await self.connection.execute(f"SELECT setval('log_cursor', {last})")
        await ahead(self.connection, BEGAN)
        step = self.days * DAY_MS // WIDE
        await self.connection.execute(_FILL, LEAST, BEGAN, step, DAYS * WIDE)

    async def retain(self, parts_old: float, **keep: Any) -> None:
        """Do a round when that many parts of the log are older than what is kept."""
        kept = {"bodies": None, "codes": None, "attempts": 0, "messages": 0} | keep
        now = BEGAN + round(parts_old * self.days * DAY_MS)
        await Rounds(self.store, Keep(**kept), rest=no_rest).once(now)

    async def bounds(self, table: str) -> list[int]:
        """How many parts of ours from the first on each part begins."""
        return [(one.first - LEAST) // WIDE for one in await parts(self.connection, table)]

    async def count(self, table: str, part: int) -> int:
        first = LEAST + part * WIDE
        sql = f"SELECT count(*) FROM {table} WHERE cursor >= $1 AND cursor < $2"
        return await self.connection.fetchval(sql, first, first + WIDE)

    async def counts(self, part: int) -> list[int]:
        tables = ("message", "attempt", "delivery", "message_tag")
        return [await self.count(table, part) for table in tables]


def with_log(
    days: int = 1,
) -> Callable[[Callable[[Log], Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Run a test with a log whose parts are that many days each."""

    def decorate(test: Callable[[Log], Coroutine[Any, Any, None]]) -> Callable[..., None]:
        async def main() -> None:
            url = await databases.new_database()
            connection = await asyncpg.connect(url)
            store = PostgresStore(url)
            await store.open()
            try:
                log = Log(connection, store, days)
                async with asyncio.timeout(30):
                    await log.fill()
                    await test(log)
            finally:
                await store.shut()
                await connection.close()

        def run(monkeypatch: pytest.MonkeyPatch) -> None:
            databases.cluster()  # its databases have a first part of the usual width
            monkeypatch.setattr(postgres_partitions, "LEAST", WIDE)
            monkeypatch.setattr(postgres_partitions, "MOST", WIDE)
            asyncio.run(main())

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


@with_log()
async def test_old_parts_go_whole_and_what_is_young_stays(log: Log) -> None:
    """With deliveries and tags; a part that is half old waits for its other half."""
    await log.retain(2.5)
    assert await log.bounds("message") == [2, 3, 4, 5, 6]
    assert await log.bounds("attempt") == [2, 3, 4, 5, 6]
    assert await log.counts(1) == [0, 0, 0, 0]
    assert await log.counts(2) == [WIDE] * 4
    kept = await log.store.read(retention.kept_from)
    assert kept == LEAST + 2 * WIDE - 1
    assert (
        await log.connection.fetchval("SELECT count(*) FROM pg_class WHERE relname ~ 'gone'") == 0
    )


@with_log()
async def test_attempts_go_before_their_messages(log: Log) -> None:
    """Their parts are dropped at a time of their own."""
    await log.retain(3, attempts=0, messages=2 * DAY_MS)
    assert await log.bounds("message") == [1, 2, 3, 4, 5, 6]
    assert await log.bounds("attempt") == [3, 4, 5, 6]
    assert await log.counts(0) == [0, 0, 0, 0]
    assert await log.counts(1) == [WIDE, 0, WIDE, WIDE]


@with_log()
async def test_attempts_never_outlive_their_messages(log: Log) -> None:
    """Though they are kept for good."""
    await log.retain(2, attempts=None)
    assert await log.bounds("attempt") == [2, 3, 4, 5, 6]
    assert await log.counts(1) == [0, 0, 0, 0]


@pytest.mark.parametrize("state", [0, 1, 2])
def test_a_part_with_a_live_delivery_is_not_dropped(
    monkeypatch: pytest.MonkeyPatch, state: int
) -> None:
    """What else is in it goes row by row; it goes whole once that delivery is finished."""
    live = LEAST + WIDE + 7

    @with_log()
    async def test(log: Log) -> None:
        sql = "UPDATE delivery SET state = $1 WHERE cursor = $2"
        await log.connection.execute(sql, state, live)
        await log.retain(3)
        assert await log.bounds("message") == [1, 3, 4, 5, 6]
        assert await log.bounds("attempt") == [1, 3, 4, 5, 6]
        assert await log.counts(1) == [1, 1, 1, 1]
        assert await log.connection.fetchval("SELECT body FROM message WHERE cursor = $1", live)
        await log.connection.execute(sql, 3, live)
        await log.retain(3)
        assert await log.bounds("message") == [3, 4, 5, 6]
        assert await log.bounds("attempt") == [3, 4, 5, 6]
        assert await log.counts(1) == [0, 0, 0, 0]

    test(monkeypatch)


@with_log()
async def test_a_part_with_a_message_of_a_later_time_is_not_dropped(log: Log) -> None:
    """One that was created with a time of its own."""
    now = BEGAN + 3 * DAY_MS
    sql = "UPDATE message SET expires_at = $1 WHERE cursor = $2"
    await log.connection.execute(sql, now + HOUR_MS, LEAST + 5)
    await log.retain(3)
    assert await log.bounds("message") == [0, 3, 4, 5, 6]
    assert (await log.counts(0))[0] == 1


@with_log()
async def test_a_part_with_a_message_still_being_addressed_is_not_dropped(log: Log) -> None:
    """Its deliveries are yet to be written."""
    sql = "INSERT INTO fanout (cursor, app, position, last, deletes) VALUES ($1, 1, 0, 9, 0)"
    await log.connection.execute(sql, LEAST + 5)
    await log.retain(3)
    assert await log.bounds("attempt") == [0, 3, 4, 5, 6]
    assert 0 in await log.bounds("message")


@with_log(days=10)
async def test_what_would_wait_long_for_its_part_goes_row_by_row(log: Log) -> None:
    """A part of ten days is emptied as its rows get old."""
    await log.retain(1.5)
    assert await log.bounds("message") == [1, 2, 3, 4, 5, 6]
    assert await log.counts(0) == [0, 0, 0, 0]
    assert await log.counts(1) == [WIDE // 2] * 4


@with_log()
async def test_a_message_that_is_sent_again_at_that_moment_is_kept(log: Log) -> None:
    """Whether that is committed before the part is taken off, or not yet."""
    partitions, part = log.store.partitions, Part(f"message_from_{LEAST}", LEAST, LEAST + WIDE)
    await log.connection.execute("DELETE FROM delivery WHERE cursor < $1", part.end)
    async with log.connection.transaction():
        await log.connection.fetch("SELECT * FROM message WHERE cursor = $1", LEAST)
        await log.connection.execute(
            "INSERT INTO delivery (cursor, endpoint, state, tries, flags) VALUES ($1, 1, 1, 0, 0)",
            LEAST,
        )
        assert not await partitions.detach("message", part)
    assert not await partitions.detach("message", part)
    await log.connection.execute("DELETE FROM delivery WHERE cursor < $1", part.end)
    assert await partitions.detach("message", part)
    assert (
        await log.connection.fetchval("SELECT count(*) FROM message WHERE cursor = $1", LEAST) == 0
    )
    assert await partitions.drop_detached() == [f"message_gone_{LEAST}"]


@with_log()
async def test_a_part_that_somebody_uses_for_long_holds_up_nobody(log: Log) -> None:
    """Retention gives up, does its work row by row, and drops the part another time."""
    reader = log.connection.transaction(isolation="repeatable_read", readonly=True)
    await reader.start()
    await log.connection.fetch("SELECT * FROM message WHERE cursor = $1", LEAST)
    await log.retain(1)
    await reader.commit()
    assert 0 in await log.bounds("message")
    assert 0 not in await log.bounds("attempt")
    assert await log.counts(0) == [0, 0, 0, 0]
    await log.retain(1)
    assert 0 not in await log.bounds("message")


_PROGRAM = """
import asyncio, sys
from consignease.crash import crash_points
from consignease.domain.retention import Keep
from consignease.store.postgres import PostgresStore
from consignease.work.retain import Rounds

async def main(url, now):
    store = PostgresStore(url)
    await store.open()
    keep = Keep(bodies=None, codes=None, attempts=0, messages=0)
    await Rounds(store, keep, crash=crash_points("after-detach")).once(now)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@with_log()
async def test_what_a_killed_process_took_off_is_dropped_by_the_next_round(log: Log) -> None:
    """Killed between the two: the part is nobody's, is found by its name, and goes."""
    now = BEGAN + DAY_MS
    command = [sys.executable, "-c", _PROGRAM, log.store.url, str(now)]
    ended = await asyncio.to_thread(subprocess.run, command, check=False)
    assert ended.returncode == -signal.SIGKILL
    left = "SELECT relname FROM pg_class WHERE relname ~ '_gone_' AND relkind = 'r'"
    found = [row[0] for row in await log.connection.fetch(left)]
    assert len(found) == 1, found
    await log.retain(1)
    # The turn of the process that was killed has to lapse first.
    assert [row[0] for row in await log.connection.fetch(left)] == found
    await log.retain(1.001)
    assert await log.connection.fetch(left) == []
    assert await log.bounds("message") == [1, 2, 3, 4, 5, 6]
    assert await log.bounds("attempt") == [1, 2, 3, 4, 5, 6]
    assert await log.counts(0) == [0, 0, 0, 0]


def test_parts_are_dropped_beside_deliveries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server that makes, delivers, retries and forgets at once: nothing is refused or lost."""
    url = databases.database_of(str(tmp_path))
    monkeypatch.setattr(postgres_partitions, "LEAST", WIDE)
    monkeypatch.setattr(postgres_partitions, "MOST", WIDE)
    dropped, slowest, ended = set[str](), 0.0, threading.Event()
    with (
        Receiver() as receiver,
        RunningServer(tmp_path, database_url=url, retry_schedule=[0.05] * 60) as server,
        contextlib.ExitStack() as stack,
    ):
        server.write(lambda tx: tx.one(f"SELECT setval('log_cursor', {LEAST})"))
        receiver.fail_next(100, 500)
        client = stack.enter_context(contextlib.closing(server.client()))
        app = client.call("POST", "/api/v1/app", {"name": "x"}).json["id"]
        client.call("POST", f"/api/v1/app/{app}/endpoint", {"url": receiver.url})
        store, clock = server.server.store, server.server._clock
        rounds = Rounds(store, Keep(bodies=0, codes=0, attempts=0, messages=0))
        kept = store.partitions.drop_detached

        async def noted() -> list[str]:
            found = await kept()
            dropped.update(found)
            return found

        monkeypatch.setattr(store.partitions, "drop_detached", noted)

        def retain() -> None:
            while not ended.is_set():
                server.run(lambda: store.upkeep(clock.now()))
                server.run(lambda: rounds.once(clock.now()))

        beside = threading.Thread(target=retain)
        beside.start()
        try:
            for number in range(MADE):
                began = time.monotonic()
                body = {"eventType": "a.b", "payload": {"n": number}, "tags": ["t"]}
                assert client.call("POST", f"/api/v1/app/{app}/msg", body).status == 202
                slowest = max(slowest, time.monotonic() - began)
            receiver.wait_for(MADE + 100)
        finally:
            ended.set()
            beside.join()
    assert {json.loads(one.body)["n"] for one in receiver.requests} == set(range(MADE))
    assert {one.partition("_")[0] for one in dropped} == {"message", "attempt"}
    print(f"{len(dropped)} parts dropped beside {MADE} messages, the slowest in {slowest:.3f} s")
