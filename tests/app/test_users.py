"""Changes and their events commit together, once, or not at all."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consignease.app import users
from consignease.domain.faults import Conflict, TooLarge
from consignease.domain.user_params import CreateParams, draft
from consignease.store.tx import Tx
from consignease.wire.json import canonical, dumps
from consignease.wire.objects.deleted import UserDeletedJSON
from consignease.wire.objects.user import UserJSON
from tests.helpers.backend import START, Backend, open_backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


FULL = {
    "email_address": ["a@example.com", "b@example.com"],
    "email_address_identification_status": ["verified", "reserved"],
    "first_name": "Zoë 🎉",
    "username": "zoe-1",
    "external_id": "e1",
    "password": "12345678",
    "public_metadata": {"10": 1, "a": 0.000001},
    "private_metadata": {"p": [1]},
    "unsafe_metadata": {"u": {"v": None}},
}


async def test_each_change_is_one_event_with_the_user_whole(backend: Backend) -> None:
    """Created, updated and deleted in order; the data is what the API answered."""
    created = (await backend.call("POST", "/users", FULL)).json
    path = f"/users/{created['id']}"
    backend.now += 1
    updated = (await backend.call("PATCH", path, {"last_name": "X"})).json
    backend.now += 1
    merged = (await backend.call("PATCH", path + "/metadata", {"public_metadata": {"a": 2}})).json
    backend.now += 1
    deleted = (await backend.call("DELETE", path)).json
    events = await backend.events()
    extra = {"timezone": None, "organization_memberships": None}
    assert [event["data"] for event in events] == [
        created | extra,
        updated | extra,
        merged | extra,
        deleted,
    ]
    assert [event["type"] for event in events] == [
        "user.created",
        "user.updated",
        "user.updated",
        "user.deleted",
    ]
    assert [event["sync"] for event in events] == [
        {"cursor": n, "version": n, "subject": created["id"]} for n in (1, 2, 3, 4)
    ]
    assert [event["timestamp"] for event in events] == [START, START + 1, START + 2, START + 3]


async def test_event_data_is_exactly_the_published_type(backend: Backend) -> None:
    """Decoding and encoding loses nothing, adds nothing and knows every member."""
    user = (await backend.call("POST", "/users", FULL)).json
    await backend.call("DELETE", f"/users/{user['id']}")
    created, deleted = [event["data"] for event in await backend.events()]
    for data, kind in ((created, UserJSON), (deleted, UserDeletedJSON)):
        again = json.loads(msgspec.json.encode(msgspec.convert(data, kind)))
        assert again == data
    assert set(created) == set(UserJSON.__struct_fields__)


async def test_bodies_are_in_their_stable_form(backend: Backend) -> None:
    """What is stored survives canonical encoding byte for byte."""
    user = (await backend.call("POST", "/users", FULL)).json
    patch = {"public_metadata": {"1": 1, "z": {"5": 1, "4": 2}}}
    await backend.call("PATCH", f"/users/{user['id']}/metadata", patch)

    def bodies(tx: Tx) -> list[bytes]:
        return [row[0] for row in tx.all("SELECT body FROM message")]

    for body in await backend.store.read(bodies):
        assert dumps(canonical(json.loads(body))) == body


NO_CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("", {"first_name": "Zoë 🎉"}),
    ("", {"username": "zoe-1", "external_id": "e1", "last_name": None}),
    ("", {"delete_self_enabled": True, "bypass_client_trust": False}),
    ("", {"public_metadata": {"a": 1e-6, "10": 1.0}, "private_metadata": {"p": [1]}}),
    ("/metadata", {}),
    ("/metadata", {"public_metadata": {}, "private_metadata": None}),
    ("/metadata", {"public_metadata": {"absent": None}, "unsafe_metadata": {"u": {}}}),
    ("/metadata", {"private_metadata": {"p": [1]}}),
]


@pytest.mark.parametrize(("route", "body"), NO_CHANGES)
async def test_a_change_that_changes_nothing_emits_nothing(
    backend: Backend, route: str, body: dict[str, Any]
) -> None:
    """No event, no version, and updated_at stays."""
    user = (await backend.call("POST", "/users", FULL)).json
    backend.now += 1_000
    path = f"/users/{user['id']}"
    answer = await backend.call("PATCH", path + route, body, version="2025-11-10")
    assert (answer.status, answer.json) == (200, user)
    assert (await backend.call("GET", path)).json == user
    assert len(await backend.events()) == 1


async def test_true_is_not_one(backend: Backend) -> None:
    """A value that only Python takes for equal is a change."""
    user = (await backend.call("POST", "/users", {"public_metadata": {"a": 1}})).json
    path = f"/users/{user['id']}"
    body = {"public_metadata": {"a": True}}
    answer = await backend.call("PATCH", path, body, version="2025-11-10")
    assert answer.json["public_metadata"]["a"] is True
    assert len(await backend.events()) == 2


async def test_of_two_creates_at_once_exactly_one_wins(backend: Backend) -> None:
    """Twenty requests race for one address; one user and one event result."""
    body = {"email_address": ["one@example.com"]}
    answers = await asyncio.gather(*(backend.call("POST", "/users", body) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200, *[422] * 19]
    assert (await backend.call("GET", "/users/count")).json["total_count"] == 1
    assert len(await backend.events()) == 1


async def test_the_unique_index_decides_even_without_the_group(backend: Backend) -> None:
    """Two units of one commit group, built from the same draft: the second is refused."""
    wanted = draft(CreateParams(email_address=["one@example.com"]))
    results = await asyncio.gather(
        *(backend.store.write(users.create, backend.instance, wanted, START) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(result) for result in results if isinstance(result, Conflict)) == [Conflict]


async def test_an_event_that_is_too_large_undoes_its_change(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change and its event are one transaction: neither is there."""
    monkeypatch.setattr("consignease.domain.metadata.LIMIT", 10**9)
    answer = await backend.call("POST", "/users", {"public_metadata": {"a": "x" * 110_000}})
    assert answer.status == 422
    assert answer.error["code"] == "event_payload_too_large"
    wanted = draft(CreateParams(public_metadata={"a": "x" * 110_000}))
    with pytest.raises(TooLarge):
        await backend.store.write(users.create, backend.instance, wanted, START)
    assert (await backend.call("GET", "/users/count")).json["total_count"] == 0
    assert await backend.events() == []


async def test_a_user_can_be_read_as_soon_as_it_is_answered(backend: Backend) -> None:
    """Readers see what was committed before the answer."""
    for n in range(20):
        user = (await backend.call("POST", "/users", {"external_id": str(n)})).json
        assert (await backend.call("GET", f"/users/{user['id']}")).json == user


async def test_a_deleted_user_leaves_no_row(backend: Backend) -> None:
    """Neither its own nor an email address's."""
    user = (await backend.call("POST", "/users", FULL)).json
    await backend.call("DELETE", f"/users/{user['id']}")

    def rows(tx: Tx) -> int:
        sql = 'SELECT (SELECT count(*) FROM "user") + (SELECT count(*) FROM email_address)'
        return tx.one(sql)[0]

    assert await backend.store.read(rows) == 0
