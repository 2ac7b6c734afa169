"""A data folder with many users and all that happened to them: rows as a server writes them.

One user that a server made, its events, their deliveries and attempts are the samples. The copies
have identifiers, texts, cursors and times of their own and are inserted through the tables of the
store, many rows at a time; no server may run meanwhile. Each message has three attempts: at three
endpoints, or, one in twenty, at a single one that failed twice before.
"""

import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from consignease.domain.delivery import State
from consignease.store.schema import metadata
from consignease.wire.ids import new_id

SPREAD_MS = 60 * 86_400_000
"""How far back the oldest user is."""
CHUNK = 10_000
WIDE_TRIES = 10
"""How often the newest message was sent again to each endpoint."""
FIRST = ("Anna", "Ben", "Chloé", "David", "Émile", "Fatima", "Gül", "Hans", "Ines", "Jürgen", "李")
LAST = ("Smith", "Müller", "García", "Nguyen", "Okafor", "Ivanov", "Rossi", "Kim", "Silva")

Rows = dict[str, list[dict[str, Any]]]


class Samples(NamedTuple):
    """Rows that a server wrote: a user with what belongs to it, and one delivered event of each type."""

    object: dict[str, Any]
    user: dict[str, Any]
    email: dict[str, Any]
    phone: dict[str, Any]
    created: dict[str, Any]
    updated: dict[str, Any]
    delivery: dict[str, Any]
    attempt: dict[str, Any]
    audit: dict[str, Any]


def _samples(database: sqlite3.Connection) -> Samples:
    def one(sql: str) -> dict[str, Any]:
        row = database.execute(sql).fetchone()
        assert row is not None, sql
        return dict(row)

    log = "SELECT * FROM message WHERE type = 'user.{}' ORDER BY cursor LIMIT 1"
    return Samples(
        one("SELECT * FROM object WHERE id LIKE 'user_%'"),
        one('SELECT * FROM "user"'),
        one("SELECT * FROM email_address"),
        one("SELECT * FROM phone_number"),
        one(log.format("created")),
        one(log.format("updated")),
        one(f"SELECT * FROM delivery WHERE state = {State.SUCCEEDED.value}"),
        one("SELECT * FROM attempt WHERE status = 200"),
        one("SELECT * FROM audit"),
    )


def _insert(database: sqlite3.Connection, rows: Rows) -> None:
    database.execute("BEGIN")
    for name, some in rows.items():
        columns = list(some[0])
        known = metadata.tables.get(name)
        assert known is None or not set(columns) - set(known.columns.keys())
        marks = ", ".join("?" * len(columns))
        listed = ", ".join(f'"{one}"' for one in columns)
        database.executemany(
            f'INSERT INTO "{name}" ({listed}) VALUES ({marks})',
            [tuple(one.values()) for one in some],
        )
    database.execute("COMMIT")


class Crowd:
    """Fills one folder.

    Args:
        folder: The data folder of a server that has ended.
        users: How many users to add.
        messages: How many messages to add, two for a user: created, updated.
    """

    def __init__(self, folder: Path, users: int, messages: int) -> None:
        self._file = folder / "consignease.db"
        self._users, self._messages = users, messages
        self._names: list[tuple[str, str]] = []
        self._now = round(time.time() * 1000) - 60_000
        self._dice = random.Random(7)  # the same crowd every time

    def fill(self) -> float:
        """Insert everything; returns the seconds it took."""
        began = time.monotonic()
        with closing(sqlite3.connect(self._file, isolation_level=None)) as database:
            database.row_factory = sqlite3.Row
            for pragma in ("synchronous=OFF", "cache_size=-1048576", "temp_store=MEMORY"):
                database.execute(f"PRAGMA {pragma}")
            run = database.execute
            self._of = _samples(database)
            self._object: int = run("SELECT max(no) FROM object").fetchone()[0] + 1
            self._cursor: int = run("SELECT value FROM counter WHERE name = 'cursor'").fetchone()[0]
            app = self._of.created["app"]
            self._endpoints = [
                row[0] for row in run("SELECT no FROM endpoint WHERE app = ? ORDER BY no", (app,))
            ]
            for first in range(0, self._users, CHUNK):
                _insert(database, self._people(range(first, min(self._users, first + CHUNK))))
            for first in range(0, self._messages, CHUNK):
                _insert(database, self._events(range(first, min(self._messages, first + CHUNK))))
            _insert(database, self._rest())
            top = self._cursor + self._messages
            run("UPDATE counter SET value = ? WHERE name = 'cursor'", (top,))
            run("UPDATE endpoint SET last_success_at = ? WHERE app = ?", (self._now, app))
            run("PRAGMA wal_checkpoint(TRUNCATE)")
        return time.monotonic() - began

    def _at(self, n: int, count: int) -> int:
        return self._now - SPREAD_MS + SPREAD_MS * (n + 1) // count

    def _people(self, numbers: Iterable[int]) -> Rows:
        rows: Rows = {"object": [], "user": [], "email_address": [], "phone_number": []}
        search = rows["user_search"] = []
        for n in numbers:
            at = self._at(n, self._users)
            user, email, phone = (new_id(kind, at / 1000) for kind in ("user", "idn", "idn"))
            self._names.append((user, email))
            made = {"created_at": at, "updated_at": at}
            first = self._dice.choice(FIRST) + self._dice.choice("abcdefgh")
            last, address = f"{self._dice.choice(LAST)}{n % 977}", address_of(n)
            number = f"+1555{n:07}" if n % 3 == 0 else None
            versions = 2 if 2 * n < self._messages else 1
            no = {"no": self._object + n, "id": user, "version": versions}
            rows["object"].append({**self._of.object, **no})
            rows["user"].append(
                {
                    **self._of.user,
                    **made,
                    "id": user,
                    "username": f"user{n}",
                    "username_key": f"user{n}",
                    "first_name": first,
                    "last_name": last,
                    "primary_email_address_id": email,
                    "primary_email_key": address,
                    "primary_phone_number_id": phone if number else None,
                    "primary_phone_number": number,
                    "banned": int(n % 1_000 == 0),
                }
            )
            belongs = {**made, "user_id": user}
            mail = {"id": email, "email_address": address, "email_key": address}
            rows["email_address"].append({**self._of.email, **belongs, **mail})
            if number:
                own = {"id": phone, "phone_number": number}
                rows["phone_number"].append({**self._of.phone, **belongs, **own})
            search.append(
                {
                    "rowid": self._object + n,
                    "email_address": address,
                    "phone_number": number or "",
                    "username": f"user{n}",
                    "name": f"{first} {last}".casefold(),
                    "key": user.casefold(),
                    "id": user,
                }
            )
        return rows

    def _events(self, numbers: Iterable[int]) -> Rows:
        rows: Rows = {"message": [], "delivery": [], "attempt": []}
        bodies = [msgspec.json.decode(one["body"]) for one in (self._of.created, self._of.updated)]
        for n in numbers:
            cursor, at = self._cursor + n + 1, self._at(n, self._messages)
            who, version = divmod(n, 2)
            who %= self._users
            sample, body = (self._of.created, self._of.updated)[version], bodies[version]
            user, email = self._names[who]
            body["data"]["id"] = user
            body["data"]["email_addresses"][0] |= {"id": email, "email_address": address_of(who)}
            body["data"]["primary_email_address_id"] = email
            body["timestamp"] = at
            body["sync"] = {"cursor": cursor, "version": version + 1, "subject": user}
            about = {"cursor": cursor, "at": at, "version": version + 1}
            about |= {"subject": self._object + who, "body": msgspec.json.encode(body)}
            rows["message"].append({**sample, **about})
            for delivery, tries in self._deliveries(n, cursor, at):
                rows["delivery"].append({**delivery, "subject": self._object + who})
                rows["attempt"] += tries
        return rows

    def _deliveries(
        self, n: int, cursor: int, at: int
    ) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield a message's deliveries with their attempts; the first endpoint gets every message."""
        busy, paused, *others = self._endpoints
        if n == self._messages - 1:
            for endpoint in self._endpoints:
                yield self._settled(cursor, endpoint, at, WIDE_TRIES - 1, failed=False)
        elif n % 20 == 0:
            yield self._settled(cursor, busy, at, 2, failed=n % 1_000 == 0)
        else:
            for endpoint in (busy, others[n % len(others)], others[(n + 5) % len(others)]):
                yield self._settled(cursor, endpoint, at, 0, failed=False)
            if n * 50 >= self._messages * 49:
                state = {"state": State.PENDING.value, "tries": 0, "due_at": at, "started_at": None}
                yield {**self._of.delivery, "cursor": cursor, "endpoint": paused, **state}, []

    def _settled(
        self, cursor: int, endpoint: int, at: int, failures: int, *, failed: bool
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        key = {"cursor": cursor, "endpoint": endpoint}
        state = State.FAILED if failed else State.SUCCEEDED
        delivery = {**self._of.delivery, **key, "state": state.value, "tries": failures + 1}
        delivery |= {"due_at": None, "started_at": at, "lease_until": None}
        tries: list[dict[str, Any]] = []
        for number in range(1, failures + 2):
            took = self._dice.randrange(2_000, 40_000)
            made = {"n": number, "at": at + 5 + 6_000 * (number - 1)}
            made |= {"wait_us": took, "total_us": took + 80}
            if number <= failures or failed:
                made |= {"status": 500, "response": b"<html>" + b"x" * 2_000}
            tries.append({**self._of.attempt, **key, **made})
        return delivery, tries

    def _rest(self) -> Rows:
        lines = max(20, self._users // 20)
        audit = [
            {**self._of.audit, "no": n + 1_000, "at": self._at(n, lines)} for n in range(lines)
        ]
        return {"audit": audit}


def address_of(n: int) -> str:
    """The email address of the n-th user."""
    return f"person{n}@example{n % 7}.com"
