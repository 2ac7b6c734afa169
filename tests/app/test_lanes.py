"""Lanes under random schedules: nothing is stuck, nothing is out of order, nothing is doubled."""

import asyncio
import random
from pathlib import Path

import pytest

from consignease.domain.delivery import Result, State
from tests.helpers.engine import Engine

OUTCOMES = [Result(200)] * 6 + [
    Result(500),
    Result(0, "connect"),
    Result(503),
    Result(429, None, 3_000),
]


async def drive(engine: Engine, seed: int, ordering: str) -> list[tuple[str, int]]:
    """Publish, finish and let time pass at random, then let everything settle.

    Returns:
        Subject and cursor of each success, in the order in which they came.
    """
    dice = random.Random(seed)
    subject_of: dict[int, str] = {}
    succeeded: list[tuple[str, int]] = []
    policy = {"ordering": ordering, "schedule": (1_000,) * 12}

    async def finish_one() -> None:
        cursor = dice.choice(engine.held())
        result = dice.choice(OUTCOMES)
        state = await engine.finish(cursor, result, **policy)
        if state is State.SUCCEEDED:
            succeeded.append((subject_of[cursor], cursor))

    for _ in range(120):
        step = dice.random()
        if step < 0.45:
            subject = f"user_{dice.randrange(3)}"
            cursor = await engine.publish(subject, deletes=dice.random() < 0.1)
            subject_of[cursor] = subject
        elif step < 0.85 and engine.held():
            await finish_one()
        else:
            engine.now += dice.randrange(5_000)
            engine.hand.room = dice.randrange(4)
            await engine.claim()
    engine.hand.room = 1_000
    for _ in range(4_000):
        while engine.held():
            await finish_one()
        due = await engine.claim()
        if engine.held():
            continue
        if due is None:
            return succeeded
        engine.now = max(engine.now, due)
    pytest.fail("deliveries are left that nothing moves")


@pytest.mark.parametrize("ordering", ["bounded", "strict", "none"])
@pytest.mark.parametrize("seed", range(6))
def test_random_schedules_settle_every_delivery(seed: int, ordering: str, tmp_path: Path) -> None:
    """Whatever fails when, each delivery ends succeeded, failed or canceled, in lane order."""

    async def main() -> None:
        engine = Engine(tmp_path)
        try:
            await engine.open(ordering=ordering)
            succeeded = await drive(engine, seed, ordering)
            rows = await engine.store.read(
                lambda tx: [
                    tuple(row) for row in tx.all("SELECT cursor, state, flags FROM delivery")
                ]
            )
            assert {state for _, state, _ in rows} <= {3, 4, 5}
            assert len({cursor for _, cursor in succeeded}) == len(succeeded)
            assert sum(state == 3 for _, state, _ in rows) == len(succeeded)
            overtaken = {cursor for cursor, _, flags in rows if flags & 1}
            if ordering == "strict":
                assert not overtaken
                assert all(state != 5 for _, state, _ in rows)
            if ordering != "none":
                for subject in {subject for subject, _ in succeeded}:
                    cursors = [
                        cursor
                        for name, cursor in succeeded
                        if name == subject and cursor not in overtaken
                    ]
                    assert cursors == sorted(cursors)
        finally:
            engine.store.close()

    asyncio.run(main())
