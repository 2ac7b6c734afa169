"""How PostgreSQL plans what units of work ask: once, when tables may be empty, for when they are large."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator

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


def test_no_plan_to_write_reads_a_whole_table_that_grows() -> None:
    """A plan is kept: made by the size of an empty table it would read a large one from end to end."""
    from consignease.store.postgres import PLANS
    from consignease.store.postgres_session import connect

    async def main() -> None:
        connection = await connect(await databases.new_database(), patience=60, **PLANS["write"])
        read: dict[str, set[str]] = {}
        looked = 0
        for name, sql in statements():
            if name in FRAGMENTS | ON_SQLITE:
                continue
            text, _ = numbered(sql, writing=True)
            values = ", ".join("NULL" for _ in set(re.findall(r"\$[0-9]+", text)))
            await connection.execute(f"PREPARE asked AS {text}")
            plan = await connection.fetch(f"EXPLAIN EXECUTE asked{values and f'({values})'}")
            await connection.execute("DEALLOCATE asked")
            lines = "\n".join(row[0] for row in plan)
            assert "Hash Join" not in lines, name
            read[name] = set(re.findall(r"Seq Scan on \"?(\w+)", lines)) - SMALL
            looked += 1
        await connection.close()
        assert {name: tables for name, tables in read.items() if tables} == {}
        assert looked > 300

    databases.cluster()
    asyncio.run(main())
