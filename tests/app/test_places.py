"""Places in an endpoint's window: whatever fails, each is given back."""

import pytest

from consignease.domain.delivery import Result
from consignease.domain.faults import Unavailable
from consignease.domain.leases import Leased
from consignease.store import deliveries, lanes, leasing
from consignease.store.rows import OfRows
from consignease.store.tx import Tx
from tests.helpers.engine import Engine, with_engine

BROKEN = OfRows(
    "UPDATE no_such_table SET state = ? WHERE (cursor, endpoint) IN (VALUES {rows})",
    "(?, ?)",
    "bigint bigint",
)


@with_engine
async def test_a_claim_that_fails_half_way_gives_its_places_back(engine: Engine) -> None:
    """A lost place would be lost until the next start: the window would shrink to nothing."""
    cursor = await engine.publish("user_a")
    await engine.finish(cursor, Result(500))
    room = engine.hand.room
    engine.now += 3_600_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leasing, "_LEASE", BROKEN)
        with pytest.raises(Unavailable):
            await engine.claim()
    assert engine.hand.room == room
    await engine.claim()
    assert engine.hand.room == room - 1
    assert engine.held() == [cursor]


@with_engine
async def test_a_claim_says_when_it_leaves_nothing_that_is_due(engine: Engine) -> None:
    """Not while there is no room for all; what is due later is no matter."""
    engine.hand.room = 0
    for name in ("user_a", "user_b"):
        await engine.publish(name)
    engine.hand.room = 1
    await engine.claim()
    assert engine.hand.caught == []
    engine.hand.room = 1
    await engine.claim()
    assert engine.hand.caught == [engine.endpoint]
    await engine.finish(engine.hand.leased[0].cursor, Result(500))
    await engine.claim()
    assert engine.hand.caught == [engine.endpoint] * 2


@with_engine
async def test_a_lane_that_cannot_move_on_gives_its_place_back(engine: Engine) -> None:
    """The same where the next of a lane is leased as the one before succeeds."""
    first = await engine.publish("user_a")
    await engine.publish("user_a")
    room = engine.hand.room
    item = engine.hand.leased[0]
    assert item.cursor == first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leasing, "_LEASE", BROKEN)
        with pytest.raises(Unavailable):
            await engine.store.write(_succeed_and_move_on, item, engine.now)
    assert engine.hand.room == room


def _succeed_and_move_on(tx: Tx, item: Leased, now: int) -> None:
    assert item.subject is not None
    deliveries.succeed(tx, [item])
    lanes.move_on(tx, [lanes.Lane(item.subject, item.endpoint, now)])
