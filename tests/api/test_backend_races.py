"""Calls that arrive together: of those that exclude each other, exactly one succeeds."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backend import Backend, open_backend

pytestmark = pytest.mark.anyio

TOGETHER = 50


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    "body",
    [
        {"email_address": ["Zoe@example.com"]},
        {"username": "zoe_1"},
        {"external_id": "ext"},
    ],
)
async def test_of_many_users_with_one_identifier_exactly_one_is_created(
    backend: Backend, body: dict[str, Any]
) -> None:
    """The others are refused by name, and leave neither a user nor an event."""
    calls = [backend.call("POST", "/users", body) for _ in range(TOGETHER)]
    answers = await asyncio.gather(*calls)
    assert Counter(answer.status for answer in answers) == {200: 1, 422: TOGETHER - 1}
    for answer in answers:
        if answer.status == 422:
            assert answer.error["code"] == "form_identifier_exists"
            assert answer.error["meta"]["param_name"] in body
    count = await backend.call("GET", "/users/count")
    assert count.json["total_count"] == 1
    assert len(await backend.events()) == 1


async def test_an_address_wanted_in_every_way_at_once_goes_to_one_user(backend: Backend) -> None:
    """Created with, added, and put in place of others: one wins, the rest are refused."""
    made = [(await backend.call("POST", "/users", {})).json["id"] for _ in range(20)]
    address = {"email_address": "one@example.com"}
    calls = [backend.call("POST", "/users", {"email_address": ["ONE@example.com"]})]
    calls += [backend.call("PUT", f"/users/{one}/email_address", address) for one in made[:10]]
    calls += [
        backend.call("POST", "/email_addresses", {"user_id": one, **address}) for one in made[10:]
    ]
    answers = await asyncio.gather(*calls)
    assert Counter(answer.status for answer in answers) == {200: 1, 422: len(calls) - 1}
    found = await backend.call("GET", "/users", query="email_address=one@example.com")
    assert len(found.json) == 1


async def test_every_change_made_together_counts_its_version_up_by_one(backend: Backend) -> None:
    """Fifty metadata merges of one user: nothing is lost, fifty-one versions without a gap."""
    user_id = (await backend.call("POST", "/users", {})).json["id"]
    path = f"/users/{user_id}/metadata"
    calls = [
        backend.call("PATCH", path, {"public_metadata": {f"k{n}": n}}) for n in range(TOGETHER)
    ]
    assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
    user = (await backend.call("GET", f"/users/{user_id}")).json
    assert user["public_metadata"] == {f"k{n}": n for n in range(TOGETHER)}

    def versions(tx: Any) -> list[int]:
        return [row[0] for row in tx.all("SELECT version FROM message ORDER BY cursor")]

    assert await backend.store.read(versions) == list(range(1, TOGETHER + 2))
