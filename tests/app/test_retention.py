"""Retention: what goes when its time has come, what never goes before, and what stays for good."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from consignease.app import retention
from consignease.app.message_orders import Outgoing
from consignease.app.publish import publish
from consignease.domain.delivery import Result, State
from consignease.domain.events import NewEvent
from consignease.domain.faults import Conflict
from consignease.domain.instances import Instance
from consignease.domain.retention import DAY_MS, HOUR_MS, UNIT_BYTES, Body, Keep, judge
from consignease.store import deliveries, endpoint_health
from consignease.store.tx import Tx
from consignease.work.retain import Rounds
from tests.helpers.engine import Engine, with_engine
from tests.helpers.messages import append


async def no_rest(_seconds: float) -> None:
    """Go on at once."""


async def retain(engine: Any, after: int, **keep: Any) -> None:
    """Let time pass and do a round."""
    engine.now += after
    await Rounds(engine.store, Keep(**keep), rest=no_rest).once(engine.now)


async def bodies(engine: Any) -> dict[int, bytes | None]:
    rows = await engine.store.read(
        lambda tx: [tuple(row) for row in tx.all("SELECT cursor, body FROM message")]
    )
    return dict(rows)


async def count(engine: Any, table: str) -> int:
    return await engine.store.read(lambda tx: tx.one(f"SELECT count(*) FROM {table}")[0])


async def create(engine: Any, app: Instance | None = None, **wanted: Any) -> int:
    body = Outgoing(**({"type": "a.b", "body": b'{"a":1}'} | wanted))

    def unit(tx: Tx) -> int:
        return append(tx, app or engine.instance, body, engine.now)

    return await engine.store.write(unit)


async def delivered(engine: Any, cursor: int) -> None:
    assert await engine.finish(cursor, Result(200)) is State.SUCCEEDED


@with_engine
async def test_bodies_go_when_their_time_has_come(engine: Engine) -> None:
    """Those of delivered messages, after the server's time; not a day before."""
    old = await engine.publish("user_a")
    await delivered(engine, old)
    engine.now += 10 * DAY_MS
    new = await engine.publish("user_b")
    await delivered(engine, new)
    await retain(engine, 79 * DAY_MS)
    assert None not in (await bodies(engine)).values()
    await retain(engine, DAY_MS + 1)
    found = await bodies(engine)
    assert found[old] is None
    assert found[new] is not None
    assert await engine.store.read(retention.kept_from) == old


@with_engine
async def test_a_body_with_an_open_delivery_stays_until_it_is_delivered(engine: Engine) -> None:
    """However old it is; soon after its delivery it goes."""
    held = await engine.publish("user_a")
    after = await engine.publish("user_b")
    await delivered(engine, after)
    await retain(engine, 91 * DAY_MS)
    found = await bodies(engine)
    assert found[held] is not None
    assert found[after] is None
    await retain(engine, HOUR_MS)
    assert (await bodies(engine))[held] is not None
    await delivered(engine, held)
    await retain(engine, HOUR_MS)
    assert (await bodies(engine))[held] is None


@with_engine
async def test_a_message_may_have_a_time_of_its_own(engine: Engine) -> None:
    """Shorter or longer than the server's."""
    short = await create(engine, expires_at=engine.now + 5 * DAY_MS)
    long = await create(engine, expires_at=engine.now + 80 * DAY_MS)
    for cursor in (short, long):
        await delivered(engine, cursor)
    await retain(engine, 5 * DAY_MS - 1, bodies=30 * DAY_MS)
    assert None not in (await bodies(engine)).values()
    await retain(engine, 1, bodies=30 * DAY_MS, messages=60 * DAY_MS)
    assert (await bodies(engine))[short] is None
    await retain(engine, 60 * DAY_MS, bodies=30 * DAY_MS, messages=60 * DAY_MS)
    assert list((await bodies(engine)).keys()) == [long]
    assert (await bodies(engine))[long] is not None
    await retain(engine, 20 * DAY_MS, bodies=30 * DAY_MS)
    assert (await bodies(engine))[long] is None


@with_engine
async def test_bodies_that_hold_codes_live_a_day(engine: Engine) -> None:
    """Of email and sms events, unless the setting says otherwise."""

    def unit(tx: Tx) -> None:
        for kind in ("email.created", "sms.created", "user.created"):
            event = NewEvent(type=kind, object_id=kind, subject="user_a", data=b"{}")
            publish(tx, engine.instance, event, engine.now)

    await engine.store.write(unit)
    for cursor in sorted(await bodies(engine)):
        await delivered(engine, cursor)
    await retain(engine, DAY_MS - 1)
    assert None not in (await bodies(engine)).values()
    await retain(engine, 2, codes=None)
    assert None not in (await bodies(engine)).values()
    await retain(engine, 0)
    assert [body is None for _, body in sorted((await bodies(engine)).items())] == [
        True,
        True,
        False,
    ]


@with_engine
async def test_old_messages_go_with_all_that_belongs_to_them(engine: Engine) -> None:
    """Attempts first, then everything; an event's id stays used, versions go on."""
    old = await create(engine, uid="once", tags=["t"])
    await delivered(engine, old)
    about = await engine.publish("user_a")
    await delivered(engine, about)
    held = await engine.publish("user_b")
    await retain(engine, 91 * DAY_MS)
    assert await count(engine, "attempt") == 0
    assert await count(engine, "delivery") == 3
    await retain(engine, 90 * DAY_MS)
    assert list(await bodies(engine)) == [held]
    assert await count(engine, "delivery") == 1
    assert await count(engine, "message_tag") == 0
    with pytest.raises(Conflict):
        await create(engine, uid="once")
    later = await engine.publish("user_a")
    body = (await bodies(engine))[later]
    assert body is not None
    assert msgspec.json.decode(body)["sync"]["version"] == 2


@with_engine
async def test_attempts_of_open_deliveries_stay(engine: Engine) -> None:
    """Their number names the next one."""
    cursor = await engine.publish("user_a")
    assert await engine.finish(cursor, Result(500)) is State.PENDING
    await retain(engine, 91 * DAY_MS)
    assert await count(engine, "attempt") == 1


@with_engine
async def test_a_deleted_user_is_erased_if_that_is_wanted(engine: Engine) -> None:
    """All bodies about that user but the deletion itself; nobody else's; open ones later."""
    about: list[int] = []
    for _ in range(3):
        about.append(await engine.publish("user_a"))
        await delivered(engine, about[-1])
    other = await engine.publish("user_b")
    await delivered(engine, other)
    second = await engine.add_endpoint(ordering="strict", disabled=1)
    waits = await engine.publish("user_a")
    await delivered(engine, waits)
    gone = await engine.publish("user_a", deletes=True)
    await delivered(engine, gone)
    await retain(engine, 1)
    assert None not in (await bodies(engine)).values()
    await retain(engine, 1, deleted_users=False)
    found = await bodies(engine)
    assert [found[cursor] for cursor in about] == [None] * 3
    assert found[other] is not None
    assert found[gone] is not None
    assert found[waits] is not None
    again = await engine.publish("user_a")
    await engine.store.write(deliveries.cancel_all, second)
    await engine.store.write(
        lambda tx: tx.execute("UPDATE delivery SET state = 5 WHERE endpoint = ?", (second,))
    )
    await retain(engine, HOUR_MS, deleted_users=False)
    found = await bodies(engine)
    assert found[waits] is None
    assert found[gone] is not None
    assert found[again] is not None
    assert await count(engine, "erasure") == 0


@with_engine
async def test_everything_of_an_application_is_forgotten_in_parts(engine: Engine) -> None:
    """Nothing of another one; what was not sent is canceled; what comes after stays."""
    other = msgspec.structs.replace(engine.instance, app=engine.instance.app + 1)

    def add(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO application (no, instance, id, name, metadata, endpoints_version,"
            " created_at, updated_at) VALUES (?, ?, 'app_x', 'x', '{}', 1, 0, 0)",
            (other.app, other.no),
        )

    await engine.store.write(add)
    kept = await create(engine)
    mine = await engine.add_endpoint(app=other.app, disabled=1)
    engine.hand.room = 0

    def many(tx: Tx) -> list[int]:
        wanted = Outgoing(type="a.b", body=b"{}")
        return [append(tx, other, wanted, engine.now) for _ in range(600)]

    theirs = await engine.store.write(many)
    await engine.store.write(retention.forget_application, other.app)
    late = await create(engine, other)
    await retain(engine, 1)
    found = await bodies(engine)
    assert {found[cursor] for cursor in theirs} == {None}
    assert found[late] is not None
    assert found[kept] is not None
    states = await engine.store.read(deliveries.counts, mine)
    assert states == {State.CANCELED: 600, State.PENDING: 1}


@pytest.mark.parametrize("capped", [{"backlog": 14 * DAY_MS}, {"backlog_deliveries": 2}])
def test_a_backlog_that_is_too_old_or_too_long_is_dropped_and_counted(
    tmp_path: Any, capped: dict[str, Any]
) -> None:
    """Of a disabled endpoint, the oldest first; lanes go on with what is left."""
    keep = {"backlog": None, "backlog_deliveries": None} | capped

    @with_engine
    async def test(engine: Engine) -> None:
        engine.hand.room = 0
        old = [await engine.publish("user_a"), await engine.publish("user_b")]
        engine.now += 10 * DAY_MS
        new = [await engine.publish("user_a"), await engine.publish("user_c")]
        assert await engine.state(new[0]) is State.WAITING
        await retain(engine, 5 * DAY_MS, **keep)
        assert [await engine.state(cursor) for cursor in old] == [State.PENDING] * 2

        def disable(tx: Tx) -> None:
            endpoint_health.disable(tx, engine.endpoint, engine.instance.app, "gone", engine.now)

        await engine.store.write(disable)
        await retain(engine, 1, **keep)
        assert [await engine.state(cursor) for cursor in old] == [State.CANCELED] * 2
        assert [await engine.state(cursor) for cursor in new] == [State.PENDING] * 2
        dropped = "SELECT dropped FROM endpoint WHERE no = ?"
        row = await engine.store.read(lambda tx: tx.one(dropped, (engine.endpoint,))[0])
        assert row == 2
        await retain(engine, 1, **keep)
        assert await engine.store.read(lambda tx: tx.one(dropped, (engine.endpoint,))[0]) == 2

    test(tmp_path)


@pytest.mark.parametrize(
    ("default", "own", "dropped"),
    [
        (2, None, 2),
        (None, 2, 2),
        (1, 2, 2),
        (1, 0, 0),
        (4, None, 0),
        (None, None, 0),
        (0.5, None, 4),
    ],
)
def test_a_backlog_that_is_too_large_is_dropped_and_counted(
    tmp_path: Any, default: float | None, own: int | None, dropped: int
) -> None:
    """By the endpoint's own number of bytes, or else the server's; 0 of its own is any number."""

    @with_engine
    async def test(engine: Engine) -> None:
        engine.hand.room = 0
        sent = [await create(engine, body=b"x" * 1_000) for _ in range(4)]
        most = None if own is None else own * 1_000
        pause = "UPDATE endpoint SET paused = 1, max_backlog_bytes = ? WHERE no = ?"
        keep = {"backlog_bytes": None if default is None else round(default * 1_000)}
        await retain(engine, 1, **keep)
        assert [await engine.state(cursor) for cursor in sent] == [State.PENDING] * 4
        await engine.store.write(lambda tx: tx.execute(pause, (most, engine.endpoint)) and None)
        for _ in range(2):
            await retain(engine, 1, **keep)
            found = [await engine.state(cursor) for cursor in sent]
            assert found == [State.CANCELED] * dropped + [State.PENDING] * (4 - dropped)
        counted = "SELECT dropped FROM endpoint WHERE no = ?"
        row = await engine.store.read(lambda tx: tx.one(counted, (engine.endpoint,))[0])
        assert row == dropped

    test(tmp_path)


@with_engine
async def test_one_process_at_a_time_does_a_round(engine: Engine) -> None:
    """Another one finds the turn taken until it is given back, or has lapsed."""
    now = engine.now
    assert await engine.store.write(retention.turn, now, now + 20_000)
    cursor = await engine.publish("user_a")
    await delivered(engine, cursor)
    await retain(engine, 1, bodies=0)
    assert (await bodies(engine))[cursor] is not None
    await retain(engine, 20_000, bodies=0)
    assert (await bodies(engine))[cursor] is None
    next_one = await engine.publish("user_a")
    await delivered(engine, next_one)
    await retain(engine, 1, bodies=0)
    assert (await bodies(engine))[next_one] is None


def test_a_unit_forgets_a_bounded_number_of_bytes() -> None:
    """And goes on where it stopped; what is gone already costs nothing."""
    half = UNIT_BYTES // 2
    seen = [Body(n, half if n % 2 else None, None, open=False) for n in range(1, 20)]
    fate = judge(seen, 0)
    assert fate.forget == [1, 3]
    assert fate.last == 3
    rest = judge(seen[fate.last :], 0)
    assert rest.forget == [5, 7]


def test_a_body_is_judged_by_its_time_and_its_deliveries() -> None:
    """Later time: stays. Open: looked at again. Gone already: no longer looked for."""
    seen = [
        Body(1, 10, 100, open=False),
        Body(2, 10, 99, open=True),
        Body(3, None, 50, open=False),
        Body(4, 10, None, open=True),
        Body(5, 10, 99, open=False),
    ]
    fate = judge(seen, 99)
    assert (fate.forget, fate.later, fate.last) == ([3, 5], [2, 4], 5)


@with_engine
async def test_where_the_old_ends_is_found_from_where_it_was(engine: Engine) -> None:
    """The same cursor as by looking through everything; by one look where nothing has changed."""
    start = engine.now
    for n in range(40):
        engine.now = start + n // 3 * 1_000  # some share their millisecond
        await create(engine)
    looks = 0

    async def boundary(at: int, low: int) -> int:
        def unit(tx: Tx) -> int:
            def one(*args: Any) -> Any:
                nonlocal looks
                looks += 1
                return tx.one(*args)

            counted: Any = SimpleNamespace(one=one)
            return retention.boundary(counted, at, low)

        return await engine.store.read(unit)

    low = 0
    for at in range(start - 500, start + 15_000, 500):
        everything = await boundary(at, 0)
        assert await boundary(at, low) == everything
        low = everything
        looks = 0
        assert await boundary(at, low) == everything
        assert looks <= 3
