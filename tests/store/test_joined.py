"""Items that are done together: one call for all, and each its own answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from consignease.domain.faults import Conflict, Fault
from consignease.store.engine import Store
from consignease.store.rows import LENGTHS, OfRows
from consignease.store.tx import Tx
from tests.helpers.databases import open_store
from tests.store.test_engine import held, names, run

CALLS: list[int] = []
_PUT = OfRows(
    "INSERT INTO counter (name, value) VALUES {rows} ON CONFLICT DO NOTHING RETURNING name",
    "(?, ?)",
    "text bigint",
)


def put_all(tx: Tx, items: Sequence[str]) -> list[int | Fault]:
    """Refuses what begins with ``no``; breaks after it wrote when it meets ``broken``."""
    CALLS.append(len(items))
    good = [item for item in items if not item.startswith("no")]
    _PUT.run(tx, [(item, len(item)) for item in good])
    if "broken" in items:
        msg = "broken"
        raise ValueError(msg)
    return [Conflict(item) if item.startswith("no") else len(item) for item in items]


def test_items_that_wait_are_done_by_one_call(tmp_path: Path) -> None:
    """Ten items make one call; a refused one costs the others nothing."""

    async def test(store: Store) -> None:
        CALLS.clear()
        with held(store):
            items = [f"item{n}" for n in range(9)]
            waiting = [store.join(put_all, item) for item in [*items, "no"]]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert done[:9] == [5] * 9
        assert isinstance(done[9], Conflict)
        assert CALLS == [10]
        assert await store.read(names) == set(items)

    run(tmp_path, test)


def test_what_breaks_a_call_breaks_only_itself(tmp_path: Path) -> None:
    """A call that fails after it wrote is undone, and its items are done one by one."""

    async def test(store: Store) -> None:
        with held(store):
            waiting = [store.join(put_all, item) for item in ("one", "broken", "two")]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [done[0], done[2]] == [3, 3]
        assert isinstance(done[1], ValueError)
        assert await store.read(names) == {"one", "two"}

    run(tmp_path, test)


@pytest.mark.parametrize("count", [0, 1, 3, 64, 65, 200])
def test_a_statement_takes_any_number_of_rows(tmp_path: Path, count: int) -> None:
    """Rows arrive whole and once, whatever their number, and every returned row is given."""

    async def test() -> None:
        store = open_store(tmp_path)
        try:
            rows = [(f"row{n}", n) for n in range(count)]

            def fill(tx: Tx) -> list[str]:
                return [row[0] for row in _PUT.run(tx, rows)]

            assert sorted(await store.write(fill)) == sorted(row[0] for row in rows)
            assert await store.read(names) == {row[0] for row in rows}
        finally:
            store.close()

    asyncio.run(test())
    assert LENGTHS[-1] == 1
