"""Every arrow of the drawing in docs/states.md."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consignease.app import retention
from consignease.app.message_orders import Outgoing
from consignease.domain.delivery import Result, State
from consignease.store import deliveries, leasing
from tests.helpers.engine import Engine
from tests.helpers.messages import append

DRAWING = Path(__file__).parents[2] / "docs" / "states.md"
OK = Result(200)
BAD = Result(500)
MINUTE = 60_000

Check = Callable[[Engine], Awaitable[None]]
ARROWS: dict[str, Check] = {}


def arrow(text: str) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        assert text not in ARROWS
        ARROWS[text] = check
        return check

    return add


def drawn() -> list[str]:
    """The arrows of the drawing, in its own spelling."""
    block = re.search(r"```mermaid\n(.*?)```", DRAWING.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    found = re.findall(r"^ +(\S+) --> (\S+) : (.+)$", block[1], re.MULTILINE)
    return [f"{start} --> {end} : {label}" for start, end, label in found]


@pytest.mark.parametrize("name", drawn())
def test_arrow(name: str, tmp_path: Path) -> None:
    """Each arrow that is drawn leads from its state to its state."""

    async def main() -> None:
        engine = Engine(tmp_path)
        try:
            await engine.open()
            await ARROWS[name](engine)
        finally:
            engine.store.close()

    asyncio.run(main())


def test_every_tested_arrow_is_drawn() -> None:
    """The drawing and the tests name the same arrows, each once."""
    assert sorted(drawn()) == sorted(ARROWS)


def test_every_state_is_drawn() -> None:
    """No state is missing from the drawing."""
    assert {state.name.lower() for state in State} <= {
        end for line in drawn() for end in line.split(" : ")[0].split(" --> ")
    }


@arrow("[*] --> sending : published with room")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    assert await engine.state(one) is State.SENDING
    assert engine.held() == [one]
    assert (await engine.row(one))["lease_until"] == engine.now + leasing.LEASE_MS


@arrow("[*] --> pending : published without room")
async def _(engine: Engine) -> None:
    engine.hand.room = 0
    one = await engine.publish()
    assert await engine.state(one) is State.PENDING
    assert engine.hand.due == {engine.endpoint: engine.now}


@arrow("[*] --> waiting : published behind an older one")
async def _(engine: Engine) -> None:
    await engine.publish()
    two = await engine.publish()
    assert await engine.state(two) is State.WAITING
    other = await engine.publish("user_b")
    assert await engine.state(other) is State.SENDING


@arrow("waiting --> sending : the one before settled")
async def _(engine: Engine) -> None:
    one, two, three = [await engine.publish() for _ in range(3)]
    await engine.finish(one, OK)
    assert engine.held() == [two]
    assert await engine.state(three) is State.WAITING
    await engine.finish(two, OK)
    assert engine.held() == [three]


@arrow("waiting --> pending : the one before settled and there is no room")
async def _(engine: Engine) -> None:
    one, two = [await engine.publish() for _ in range(2)]
    engine.hand.room = 0
    await engine.finish(one, OK)
    assert await engine.state(two) is State.PENDING
    assert engine.hand.due == {engine.endpoint: engine.now}


@arrow("waiting --> sending : waited long enough")
async def _(engine: Engine) -> None:
    one, two, three = [await engine.publish() for _ in range(3)]
    began = engine.now
    await engine.finish(one, BAD)
    assert (await engine.row(two))["due_at"] == began + 30 * MINUTE
    assert (await engine.row(three))["due_at"] is None
    # The first waits for its second and later tries all this time.
    engine.now = began + 30 * MINUTE
    await engine.claim()
    assert set(engine.held()) == {one, two}
    assert (await engine.row(one))["flags"] == 1
    # Its own success no longer releases anybody: the second one is the head now.
    await engine.finish(one, OK)
    assert await engine.state(three) is State.WAITING
    await engine.finish(two, OK)
    assert engine.held() == [three]


@arrow("waiting --> canceled : subject deleted")
async def _(engine: Engine) -> None:
    one, two = [await engine.publish() for _ in range(2)]
    gone = await engine.publish(deletes=True)
    assert await engine.state(two) is State.CANCELED
    assert await engine.state(gone) is State.WAITING
    await engine.finish(one, OK)
    assert engine.held() == [gone]


@arrow("pending --> sending : due")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    await engine.finish(one, BAD)
    engine.now += 4_999
    assert await engine.claim() == engine.now + 1
    assert engine.held() == []
    engine.now += 1
    assert await engine.claim() is None
    assert engine.held() == [one]
    assert engine.hand.leased[0].tries == 1


@arrow("pending --> canceled : subject deleted")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    await engine.finish(one, BAD)
    gone = await engine.publish(deletes=True)
    assert await engine.state(one) is State.CANCELED
    assert engine.held() == [gone]


@arrow("pending --> canceled : body expired")
async def _(engine: Engine) -> None:
    one, two = [await engine.publish() for _ in range(2)]
    await engine.finish(one, BAD)
    await engine.store.write(
        lambda tx: tx.run("UPDATE message SET body = NULL WHERE cursor = ?", (one,))
    )
    engine.now += 5_000
    await engine.claim()
    assert await engine.state(one) is State.CANCELED
    assert engine.held() == [two]


@arrow("pending --> canceled : endpoint deleted")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    await engine.finish(one, BAD)
    await engine.store.write(deliveries.cancel_all, engine.endpoint)
    assert await engine.state(one) is State.CANCELED


@arrow("[*] --> pending : published for later")
async def _(engine: Engine) -> None:
    at = engine.now + 10 * MINUTE
    wanted = Outgoing(type="a.b", body=b"{}", deliver_at=at)
    made = await engine.store.write(lambda tx: append(tx, engine.instance, wanted, engine.now))
    assert engine.held() == []
    assert await engine.state(made) is State.PENDING
    assert engine.hand.due == {engine.endpoint: at}
    engine.now = at - 1
    await engine.claim()
    assert engine.held() == []
    engine.now = at
    await engine.claim()
    assert engine.held() == [made]


@arrow("pending --> canceled : backlog dropped")
async def _(engine: Engine) -> None:
    engine.hand.room = 0
    one, two = [await engine.publish(f"user_{n}") for n in range(2)]
    await engine.store.write(retention.drop_backlog, engine.endpoint, two, engine.now)
    assert [await engine.state(cursor) for cursor in (one, two)] == [State.CANCELED, State.PENDING]


@arrow("waiting --> canceled : backlog dropped")
async def _(engine: Engine) -> None:
    engine.hand.room = 0
    one, two, three = [await engine.publish() for _ in range(3)]
    assert await engine.state(two) is State.WAITING
    await engine.store.write(retention.drop_backlog, engine.endpoint, three, engine.now)
    assert [await engine.state(cursor) for cursor in (one, two)] == [State.CANCELED] * 2
    assert await engine.state(three) is State.PENDING


@arrow("pending --> canceled : backlog skipped")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    await engine.finish(one, BAD)
    assert await engine.store.write(deliveries.cancel_some, engine.endpoint, 10) == 1
    assert await engine.state(one) is State.CANCELED


@arrow("waiting --> canceled : backlog skipped")
async def _(engine: Engine) -> None:
    one, two, three = [await engine.publish() for _ in range(3)]
    assert await engine.store.write(deliveries.cancel_some, engine.endpoint, 1) == 1
    assert await engine.store.write(deliveries.cancel_some, engine.endpoint, 10) == 1
    assert await engine.store.write(deliveries.cancel_some, engine.endpoint, 10) == 0
    assert await engine.state(one) is State.SENDING
    assert await engine.state(two) is await engine.state(three) is State.CANCELED


@arrow("sending --> succeeded : 2xx")
async def _(engine: Engine) -> None:
    for status in (200, 202, 299):
        one = await engine.publish(f"user_{status}")
        assert await engine.finish(one, Result(status)) is State.SUCCEEDED
    row = await engine.row(one)
    assert (row["tries"], row["due_at"], row["lease_until"]) == (1, None, None)


@arrow("sending --> pending : failed with tries left")
async def _(engine: Engine) -> None:
    for number, result in enumerate(
        (Result(500), Result(404), Result(302), Result(0, "connect"), Result(200, "read"))
    ):
        one = await engine.publish(f"user_{number}")
        assert await engine.finish(one, result) is State.PENDING
        row = await engine.row(one)
        assert (row["tries"], row["due_at"]) == (1, engine.now + 5_000)


@arrow("sending --> pending : asked to pause")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    assert await engine.finish(one, Result(429, None, 90_000)) is State.PENDING
    row = await engine.row(one)
    assert (row["tries"], row["due_at"]) == (0, engine.now + 90_000)
    paused = await engine.store.read(
        lambda tx: tx.one("SELECT paused_until FROM endpoint WHERE no = ?", (engine.endpoint,))[0]
    )
    assert paused == engine.now + 90_000


@arrow("sending --> pending : given back")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    await engine.store.write(deliveries.give_back, list(engine.hand.leased), engine.now + 7)
    row = await engine.row(one)
    assert (State(row["state"]), row["tries"], row["due_at"]) == (
        State.PENDING,
        0,
        engine.now + 7,
    )


@arrow("sending --> pending : lease lapsed")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    lapses = engine.now + leasing.LEASE_MS
    assert await engine.store.write(deliveries.reclaim, lapses - 1, engine.now) == 0
    assert await engine.store.write(deliveries.reclaim, lapses, engine.now) == 1
    assert await engine.state(one) is State.PENDING
    assert engine.hand.due == {engine.endpoint: engine.now}


@arrow("sending --> failed : no tries left")
async def _(engine: Engine) -> None:
    one, two = [await engine.publish() for _ in range(2)]
    policy = {"schedule": (1_000,), "ordering": "strict"}
    assert await engine.finish(one, BAD, **policy) is State.PENDING
    engine.now += 1_000
    await engine.claim()
    assert await engine.finish(one, BAD, **policy) is State.FAILED
    assert (await engine.row(one))["tries"] == 2
    assert engine.held() == [two]


@arrow("sending --> failed : gone")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    assert await engine.finish(one, Result(410)) is State.FAILED
    disabled = await engine.store.read(
        lambda tx: tx.one("SELECT disabled FROM endpoint WHERE no = ?", (engine.endpoint,))[0]
    )
    assert disabled == 1


@arrow("sending --> failed : told to give up")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    assert await engine.finish(one, Result(500, control="abort-message")) is State.FAILED
    disabled = "SELECT disabled FROM endpoint WHERE no = ?"
    find = lambda tx: tx.one(disabled, (engine.endpoint,))[0]  # noqa: E731
    assert await engine.store.read(find) == 0
    two = await engine.publish()
    assert await engine.finish(two, Result(200, control="abort-message")) is State.SUCCEEDED
    three = await engine.publish()
    assert await engine.finish(three, Result(503, control="disable")) is State.FAILED
    assert await engine.store.read(find) == 1


@arrow("sending --> canceled : failed after its subject was deleted")
async def _(engine: Engine) -> None:
    one = await engine.publish()
    gone = await engine.publish(deletes=True)
    assert await engine.state(gone) is State.WAITING
    assert await engine.finish(one, BAD) is State.CANCELED
    assert engine.held() == [gone]
