"""How PostgreSQL plans what units of work ask: once, when tables may be empty, for when they are large."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import consignease.store
from consignease.store.dialect import numbered
from consignease.store.rows import OfRows
from tests.helpers import databases
from tests.helpers.postgres import programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

ELSEWHERE = ("postgres", "engine", "checkpoints", "database", "moving", "opening", "schema")
"""Rooms whose statements do not run in units of work, or on SQLite alone."""
FRAGMENTS = {"message_lists._ATTEMPT", "retention._SEEN"}
ON_SQLITE = {
    f"idempotency.{name}"
    for name in ("_FIND_ALONE", "_KEEP_ALONE", "_NOTE", "_FORGET", "_DROP_ALONE")
}
WALKS = {
    "backlog._OPEN",
    "backlog._UNSENT",
    "deliveries._NEXT_DUE_ALL",
    "lanes._FORGOTTEN",
    "retention._NEEDED",
    "silence._MISSED",
}
"""Statements about all that is open, now and then."""
RARE = {
    "deliveries._CANCEL_ALL",
    "deliveries._CANCEL_SOME",
    "listeners._LANES",
    "listeners._NOW",
    "listeners._WAITING",
}
"""Statements about all that is open of one endpoint, when it is deleted or listened to."""
LEADING = {"delivery_open": "subject =", "delivery_due": "endpoint ="}
"""With what an index of open deliveries is entered."""
FILL = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags)
SELECT n, e, n, CASE WHEN n > 9990 THEN 2 ELSE 3 END, 1, 0
FROM generate_series(1, 10000) n, generate_series(1, 2) e
"""
SMALL = {"admin", "admin_session", "erasure", "secret_key", "task", "token_key"}
"""Tables that an installation has a few rows of."""


def statements() -> Iterator[tuple[str, str]]:
    """Return name and text of every statement that units of work have."""
    for found in pkgutil.iter_modules(consignease.store.__path__):
        if found.ispkg or found.name.startswith(ELSEWHERE):
            continue
        module = importlib.import_module(f"consignease.store.{found.name}")
        for name, value in vars(module).items():
            text = value._arrays if isinstance(value, OfRows) else value
            if isinstance(text, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text):
                yield f"{found.name}.{name}", text


async def plans(connection: Any) -> AsyncIterator[tuple[str, str]]:
    """Plan every statement for whatever values; yield its name and the plan's lines."""
    for name, sql in statements():
        if name in FRAGMENTS | ON_SQLITE:
            continue
        text, _ = numbered(sql, writing=True)
        values = ", ".join("NULL" for _ in set(re.findall(r"\$[0-9]+", text)))
        await connection.execute(f"PREPARE asked AS {text}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE asked{values and f'({values})'}")
        await connection.execute("DEALLOCATE asked")
        yield name, "\n".join(row[0] for row in plan)


def test_no_plan_to_write_reads_a_whole_table_that_grows() -> None:
    """A plan is kept: made by the size of an empty table it would read a large one from end to end."""
    from consignease.store.postgres import PLANS
    from consignease.store.postgres_session import connect

    async def main() -> None:
        connection = await connect(await databases.new_database(), patience=60, **PLANS["write"])
        read: dict[str, set[str]] = {}
        looked = 0
        async for name, lines in plans(connection):
            assert "Hash Join" not in lines, name
            read[name] = set(re.findall(r"Seq Scan on \"?(\w+)", lines)) - SMALL
            looked += 1
        await connection.close()
        assert {name: tables for name, tables in read.items() if tables} == {}
        assert looked > 300

    databases.cluster()
    asyncio.run(main())


def test_deliveries_that_are_known_are_found_by_their_key() -> None:
    """What was finished stays in the indexes of what is open until they are vacuumed.

    So nothing that is asked with every delivery goes over them: neither while nothing is
    known of the table's size, nor when few of many deliveries are open.
    """
    from consignease.store.postgres import PLANS
    from consignease.store.postgres_session import connect

    async def strays(connection: Any) -> set[str]:
        found: set[str] = set()
        async for name, plan in plans(connection):
            lines = plan.splitlines()
            for line, below in zip(lines, [*lines[1:], ""], strict=True):
                index = re.search(
                    r"(?:using|Bitmap Index Scan on) (delivery_open|delivery_due)\b", line
                )
                if index and not ("Index Cond" in below and LEADING[index[1]] in below):
                    found.add(name)
        return found

    async def main() -> None:
        connection = await connect(await databases.new_database(), patience=60, **PLANS["write"])
        assert await strays(connection) <= WALKS | RARE
        await connection.execute(FILL)
        await connection.execute("ANALYZE")
        assert await strays(connection) <= WALKS | {"listeners._WAITING"}
        await connection.close()

    databases.cluster()
    asyncio.run(main())


def test_what_has_lapsed_is_found_without_reading_what_waits() -> None:
    """Each process looks for it every few seconds, however much waits for its next try."""
    from consignease.store.postgres import PLANS
    from consignease.store.postgres_session import connect

    async def main() -> None:
        connection = await connect(await databases.new_database(), patience=60, **PLANS["write"])
        for statement in ("SELECT", FILL, "ANALYZE"):
            await connection.execute(statement)
            found = {name: plan async for name, plan in plans(connection)}
            assert "delivery_leased" in found["deliveries._RECLAIM"], found["deliveries._RECLAIM"]
        await connection.close()

    databases.cluster()
    asyncio.run(main())
