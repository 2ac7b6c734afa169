"""What must hold of a data folder after whatever happened to its server."""

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from consignease.domain.messages import cursor_of
from tests.helpers.load import Change

OPEN = "SELECT count(*) FROM delivery WHERE state < 3"


def read(database: Path | str, sql: str) -> list[Any]:
    """Run a query beside the running server; a text is the address of a PostgreSQL database."""
    if isinstance(database, str):
        return asyncio.run(_read(database, sql))
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def _read(url: str, sql: str) -> list[Any]:
    from consignease.store.postgres_session import connect

    connection = await connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def settle(database: Path | str, seconds: float = 60) -> None:
    """Wait until no delivery is open."""
    deadline = time.monotonic() + seconds
    while read(database, OPEN)[0][0]:
        assert time.monotonic() < deadline, read(
            database, "SELECT state, flags, count(*) FROM delivery GROUP BY 1, 2"
        )
        time.sleep(0.05)


class Findings:
    """The log, the users and the deliveries of a folder, beside what a receiver accepted."""

    def __init__(self, database: Path | str, accepted: Sequence[str]) -> None:
        if isinstance(database, Path):
            assert read(database, "PRAGMA integrity_check") == [("ok",)]
        rows = read(database, "SELECT cursor, body FROM message ORDER BY cursor")
        self.events = {cursor: json.loads(body) for cursor, body in rows}
        self.users = dict(read(database, 'SELECT id, first_name FROM "user"'))
        self.states = dict(read(database, "SELECT cursor, state FROM delivery"))
        flags = read(database, "SELECT cursor FROM delivery WHERE flags & 1 <> 0")
        self.overtaken = {row[0] for row in flags}
        (instance,) = read(database, "SELECT id FROM instance WHERE name = 'development'")[0]
        found = [cursor_of(instance, name) for name in accepted]
        assert None not in found
        self.accepted: list[int] = [cursor for cursor in found if cursor is not None]

    def check_log(self) -> None:
        """A row exists if and only if its events do, and versions have no gap."""
        rebuilt: dict[str, str | None] = {}
        versions: Counter[str] = Counter()
        for event in self.events.values():
            user = event["data"]["id"]
            versions[user] += 1
            assert event["sync"]["version"] == versions[user]
            if event["type"] == "user.deleted":
                del rebuilt[user]
            else:
                rebuilt[user] = event["data"]["first_name"]
        assert rebuilt == self.users
        assert set(self.states) == set(self.events)

    def check_acknowledged(self, changes: Sequence[Change]) -> None:
        """Every acknowledged change was accepted by the receiver, or superseded by a deletion."""
        by_change: dict[Change, int] = {}
        deleted_at: dict[str, int] = {}
        for cursor, event in self.events.items():
            user = event["data"]["id"]
            gone = event["type"] == "user.deleted"
            by_change[Change(user, None if gone else event["data"]["first_name"])] = cursor
            if gone:
                deleted_at[user] = cursor
        accepted = set(self.accepted)
        for change in changes:
            cursor = by_change[change]
            if cursor not in accepted:
                assert self.states[cursor] == 5, (change, self.states[cursor])
                assert deleted_at[change.user] > cursor

    def check_order(self) -> None:
        """Per user, first deliveries came in the order of the versions.

        One that failed four times may be overtaken: that is what was promised.
        """
        last: dict[str, int] = {}
        for cursor in dict.fromkeys(self.accepted):
            if cursor in self.overtaken:
                continue
            user = self.events[cursor]["data"]["id"]
            assert last.get(user, 0) < cursor, f"{user}: {last[user]} before {cursor}"
            last[user] = cursor

    @property
    def duplicates(self) -> int:
        """How many deliveries were accepted more than once."""
        return len(self.accepted) - len(set(self.accepted))
