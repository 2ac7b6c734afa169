"""A million users: how long a call that reads takes; `CONSIGNEASE_BENCH_USERS` changes the number."""

import asyncio
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from consignease.domain import users
from consignease.store import users as store
from consignease.store.tx import Tx
from consignease.wire.ids import UserId, new_id
from tests.bench.bench_engine import Row, row
from tests.helpers.backend import START, Backend, open_backend

USERS = int(os.environ.get("CONSIGNEASE_BENCH_USERS", "1000000"))
CHUNK = 2000
FIRST = ("Anna", "Ben", "Chloé", "David", "Émile", "Fatima", "Gül", "Hans", "Ines", "Jürgen", "李")
LAST = ("Smith", "Müller", "García", "Nguyen", "Okafor", "Ivanov", "Rossi", "Kim", "Silva")


def _fill(tx: Tx, instance: int, first: int, last: int) -> None:
    dice = random.Random(first)
    for n in range(first, last):
        phones = (users.NewIdentification(f"+1555{n:07}", reserved=False),) if n % 3 == 0 else ()
        draft = users.Draft(
            values=users.Values(
                first_name=dice.choice(FIRST) + dice.choice("abcdefgh"),
                last_name=dice.choice(LAST) + str(n % 977),
                username=f"user{n}",
                banned=n % 1000 == 0,
            ),
            emails=(users.NewIdentification(f"person{n}@example{n % 7}.com", reserved=False),),
            phones=phones,
            created_at=START + n,
        )
        user_id = UserId(new_id("user", (START + n) / 1000))
        ids = [new_id("idn") for _ in range(2)]
        store.insert(tx, instance, users.create(draft, user_id, ids, START + n))


def _calls(some: list[dict[str, Any]]) -> dict[str, list[str]]:
    dice = random.Random(2)
    numbers = [dice.randrange(USERS) for _ in range(100)]
    orders = ("email_address", "phone_number", "first_name", "-last_name", "username")
    orders += ("-updated_at", "last_active_at", "-last_sign_in_at")
    common = ("example", "com", "person", "smith", "user", "555")
    return {
        "get": [f"/users/{user['id']}" for user in some],
        "page": ["/users?limit=10"] * 50,
        "page of 100": ["/users?limit=100"] * 30,
        "page after a user": [f"/users?starting_after={user['id']}" for user in some],
        "page in another order": [f"/users?order_by={order}" for order in orders] * 10,
        "filter by email": [f"/users?email_address=person{n}@example{n % 7}.com" for n in numbers],
        "filter by phone": [f"/users?phone_number=%2B1555{n - n % 3:07}" for n in numbers],
        "filter banned": ["/users?banned=true"] * 50,
        "search, few match": [f"/users?query=person{n}@" for n in numbers],
        "search, many match": [f"/users?query={part}" for part in common] * 20,
        "search by name": [
            f"/users?name_query={one}a%20smith{n}" for one in FIRST for n in numbers[:9]
        ],
        "two searches": [f"/users?query=example{n % 7}&name_query=ana" for n in numbers],
        "apart: short search": ["/users?query=zo", "/users?query=an"] * 5,
        "apart: count": ["/users/count"] * 3,
        "apart: count, many match": ["/users/count?query=example"] * 3,
        "apart: offset 10,000": ["/users?offset=10000"] * 10,
        "apart: offset 100,000": ["/users?offset=100000"] * 5,
    }


async def _measure(backend: Backend) -> list[Row]:
    began = time.perf_counter()
    for first in range(0, USERS, CHUNK):
        last = min(USERS, first + CHUNK)
        await backend.store.write(_fill, backend.instance.no, first, last)
    rows = [row("users.stored", USERS / (time.perf_counter() - began), "users/s")]
    some = (await backend.call("GET", "/users", query="limit=100")).json
    for name, calls in _calls(some).items():
        took: list[float] = []
        for call in calls:
            path, _, query = call.partition("?")
            began = time.perf_counter()
            answer = await backend.call("GET", path, query=query)
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status == 200, answer.body
        took.sort()
        rows.append(row(f"users.{name} p50", statistics.median(took), "ms"))
        rows.append(row(f"users.{name} p99", took[int(len(took) * 0.99)], "ms"))
    return rows


def run() -> list[Row]:
    """Fill a database and read from it."""
    with tempfile.TemporaryDirectory() as folder, open_backend(Path(folder)) as backend:
        return asyncio.run(_measure(backend))
