"""Group commit: units share a commit and nothing else."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consignease.domain.faults import Conflict, Fault, Unavailable
from consignease.store.database import migrate
from consignease.store.engine import Store
from consignease.store.tx import Tx
from tests.helpers.engine import Hand


def put(tx: Tx, name: str, value: int) -> int:
    tx.execute("INSERT INTO counter (name, value) VALUES (?, ?)", (name, value))
    return value


def names(tx: Tx) -> set[str]:
    return {row[0] for row in tx.all("SELECT name FROM counter")} - {"cursor", "clock"}


def run(tmp_path: Path, test: Callable[[Store], Awaitable[None]], hand: Hand | None = None) -> None:
    async def main() -> None:
        path = tmp_path / "store.db"
        migrate(path)
        store = Store(path, hand=hand)
        try:
            await test(store)
        finally:
            store.close()

    asyncio.run(main())


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Hold the writer in a unit, so that what is written meanwhile forms one group."""
    inside, go = threading.Event(), threading.Event()

    def wait(tx: Tx) -> None:
        del tx
        inside.set()
        go.wait(10)

    store.write(wait)
    assert inside.wait(10)
    yield
    go.set()


def test_waiting_units_share_one_commit(tmp_path: Path) -> None:
    """What waits while a commit is under way is committed together."""

    async def test(store: Store) -> None:
        with held(store):
            units = [store.write(put, f"n{number}", number) for number in range(50)]
        assert await asyncio.gather(*units) == list(range(50))
        await store.write(put, "later", 1)
        assert store.groups <= 3

    run(tmp_path, test)


@pytest.mark.parametrize("writes_first", [True, False])
def test_a_unit_that_fails_costs_the_others_nothing(tmp_path: Path, writes_first: bool) -> None:
    """A refusal in the middle of a group undoes that unit alone."""

    def refuse(tx: Tx) -> None:
        if writes_first:
            put(tx, "half", 1)
        raise Conflict("no")

    async def test(store: Store) -> None:
        with held(store):
            before = store.write(put, "before", 1)
            bad = store.write(refuse)
            after = store.write(put, "after", 2)
        assert (await before, await after) == (1, 2)
        with pytest.raises(Conflict):
            await bad
        assert await store.read(names) == {"before", "after"}

    run(tmp_path, test)


def test_effects_happen_once_and_only_for_what_is_durable(tmp_path: Path) -> None:
    """A unit that is run again has its effects once; one that is rolled back has none."""
    done: list[str] = []

    def with_effect(tx: Tx, name: str, fails: bool) -> None:
        put(tx, name, 1)
        tx.on_commit(lambda: done.append(name))
        if fails:
            raise Conflict("no")

    async def test(store: Store) -> None:
        with held(store):
            good = store.write(with_effect, "good", False)
            bad = store.write(with_effect, "bad", True)
        await good
        with pytest.raises(Conflict):
            await bad
        assert done == ["good"]

    run(tmp_path, test)


def test_an_effect_that_fails_stops_nothing(tmp_path: Path) -> None:
    """The commit stands, and the writer goes on."""

    def explode() -> None:
        raise RuntimeError("boom")

    async def test(store: Store) -> None:
        await store.write(lambda tx: tx.on_commit(explode))
        assert await store.write(put, "next", 3) == 3

    run(tmp_path, test)


def test_a_caller_that_hung_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    """A cancelled caller's unit is committed all the same, and others are answered."""

    async def test(store: Store) -> None:
        with held(store):
            gone = [store.write(put, f"gone{number}", 1) for number in range(20)]
            stays = store.write(put, "stays", 1)
            for unit in gone:
                unit.cancel()
        assert await stays == 1
        assert len(await store.read(names)) == 21

    run(tmp_path, test)


def test_a_full_disk_refuses_and_recovers_without_restart(tmp_path: Path) -> None:
    """While nothing can be written, units are refused as unavailable; then they work again."""

    def fill(tx: Tx) -> None:
        pages = tx.one("PRAGMA page_count")[0]
        tx.execute(f"PRAGMA max_page_count = {pages}")

    def write_much(tx: Tx) -> None:
        put(tx, "much", 1)
        tx.execute(
            "INSERT INTO message (cursor, instance, app, type, version, at, body)"
            " VALUES (1, 1, 1, 'x', 1, 1, zeroblob(200000))"
        )

    async def test(store: Store) -> None:
        await store.write(fill)
        with held(store):
            bad = store.write(write_much)
            small = store.write(put, "small", 1)
        with pytest.raises(Unavailable) as refusal:
            await bad
        assert isinstance(refusal.value, Fault)
        assert "full" in refusal.value.detail
        assert await small == 1
        assert await store.read(names) == {"small"}
        await store.write(lambda tx: tx.execute("PRAGMA max_page_count = 100000") and None)
        await store.write(write_much)
        assert store.failure is None

    run(tmp_path, test)


def test_cursors_go_on_after_a_restart_even_if_the_log_is_empty(tmp_path: Path) -> None:
    """A cursor is never given out twice, whatever retention has removed."""
    path = tmp_path / "store.db"
    migrate(path)

    async def take() -> int:
        store = Store(path)
        try:
            return await store.write(lambda tx: tx.next_cursor())
        finally:
            store.close()

    assert [asyncio.run(take()) for _ in range(3)] == [1, 2, 3]


def test_a_rolled_back_unit_gives_its_places_back(tmp_path: Path) -> None:
    """Places reserved for deliveries of a unit that failed are free again."""
    hand = Hand(room=5)

    def refuse(tx: Tx) -> None:
        put(tx, "x", 1)
        assert tx.hand.reserve(1, fresh=True)
        tx.leased.append(object())  # type: ignore[arg-type]
        raise Conflict("no")

    async def test(store: Store) -> None:
        with pytest.raises(Conflict):
            await store.write(refuse)
        assert hand.room == 5
        assert hand.leased == []

    run(tmp_path, test, hand)


def test_the_log_of_changes_does_not_grow_without_limit(tmp_path: Path) -> None:
    """Under constant writes the WAL starts over instead of growing for ever."""

    def overwrite(tx: Tx, number: int) -> None:
        tx.execute("UPDATE counter SET value = ? WHERE name = 'clock'", (number,))

    async def test(store: Store) -> None:
        for _ in range(60):
            await asyncio.gather(*[store.write(overwrite, number) for number in range(250)])
        pages = (tmp_path / "store.db-wal").stat().st_size // 4096
        assert pages < 2_000

    run(tmp_path, test)
