"""What is done to users emits one event each, and none when nothing changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backend import OTHER_KEY, Backend, open_backend

pytestmark = pytest.mark.anyio

ZOE = {"email_address": ["zoe@example.com"], "password": "correct horse"}


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


async def ok(backend: Backend, method: str, path: str, body: object = None) -> Any:
    answer = await backend.call(method, path, body)
    assert answer.status == 200, answer.body
    return answer.json


ACTIONS = [
    ("POST", "ban", None),
    ("POST", "lock", None),
    ("POST", "remove_password", {"sign_out_of_other_sessions": True}),
    ("PUT", "email_address", {"email_address": "zed@example.com"}),
]


@pytest.mark.parametrize(("method", "action", "body"), ACTIONS)
async def test_an_action_emits_the_answered_user_once(
    backend: Backend, method: str, action: str, body: Any
) -> None:
    """Again, it changes nothing: no event, no later updated_at."""
    user = await ok(backend, "POST", "/users", ZOE)
    backend.now += 1
    await ok(backend, method, f"/users/{user['id']}/{action}", body)
    after = await ok(backend, "GET", f"/users/{user['id']}")
    backend.now += 1
    await ok(backend, method, f"/users/{user['id']}/{action}", body)
    assert await ok(backend, "GET", f"/users/{user['id']}") == after
    created, updated = await backend.events()
    assert (created["type"], updated["type"]) == ("user.created", "user.updated")
    assert {name: updated["data"][name] for name in after} == after
    assert after["updated_at"] == user["updated_at"] + 1


async def test_undoing_what_was_not_done_emits_nothing(backend: Backend) -> None:
    """Unban, unlock and the second factors of a user that has none of it."""
    user = await ok(backend, "POST", "/users", {})
    for action in ("unban", "unlock", "remove_password"):
        assert await ok(backend, "POST", f"/users/{user['id']}/{action}") == user
    for part in ("mfa", "totp", "backup_code"):
        answer = await ok(backend, "DELETE", f"/users/{user['id']}/{part}")
        assert answer == {"user_id": user["id"]}
    assert len(await backend.events()) == 1


async def test_the_next_verified_address_becomes_primary(backend: Backend) -> None:
    """Removed step by step, a user's addresses leave one primary or none."""
    user = await ok(backend, "POST", "/users", ZOE)
    bodies = [
        {"email_address": "second@example.com"},
        {"email_address": "third@example.com", "verified": True},
    ]
    made = [
        await ok(backend, "POST", "/email_addresses", {"user_id": user["id"], **body})
        for body in bodies
    ]
    first = user["primary_email_address_id"]
    gone = await ok(backend, "DELETE", f"/email_addresses/{first}")
    assert gone == {"object": "email_address", "id": first, "deleted": True}
    now = await ok(backend, "GET", f"/users/{user['id']}")
    assert [one["id"] for one in now["email_addresses"]] == [one["id"] for one in made]
    assert now["primary_email_address_id"] == made[1]["id"]
    await ok(backend, "DELETE", f"/email_addresses/{made[1]['id']}")
    now = await ok(backend, "GET", f"/users/{user['id']}")
    assert now["primary_email_address_id"] is None
    freed = {"email_address": ["zoe@example.com", "third@example.com"]}
    assert (await backend.call("POST", "/users", freed)).status == 200


async def test_an_address_of_another_instance_is_unknown(backend: Backend) -> None:
    """Ids do not open what another instance keeps."""
    user = await ok(backend, "POST", "/users", ZOE)
    path = f"/email_addresses/{user['primary_email_address_id']}"
    for method in ("GET", "PATCH", "DELETE"):
        assert (await backend.call(method, path, key=OTHER_KEY)).status == 404
    assert (await backend.call("POST", f"/users/{user['id']}/ban", key=OTHER_KEY)).status == 404


async def test_taking_second_factors_away_says_when(backend: Backend) -> None:
    """Backup codes alone leave the TOTP; without it, two-factor is over."""
    user = await ok(backend, "POST", "/users", {"totp_secret": "A" * 16, "backup_codes": ["x"]})
    enabled = backend.now
    names = ("two_factor_enabled", "totp_enabled", "backup_code_enabled", "mfa_enabled_at")
    seen: list[list[Any]] = []
    for part in ("backup_code", "totp"):
        backend.now += 1
        await ok(backend, "DELETE", f"/users/{user['id']}/{part}")
        now = await ok(backend, "GET", f"/users/{user['id']}")
        seen.append([now[name] for name in names] + [now["mfa_disabled_at"]])
    assert seen == [
        [True, True, False, enabled, None],
        [False, False, False, enabled, backend.now],
    ]
    assert len(await backend.events()) == 3


MD5 = {"password_digest": "900150983cd24fb0d6963f7d28e17f72", "password_hasher": "md5"}


@pytest.mark.parametrize("when", ["created", "updated"])
async def test_a_digest_that_was_brought_along_becomes_ours(backend: Backend, when: str) -> None:
    """At the first right password, once, and nobody is told: nothing has changed."""
    user = await ok(backend, "POST", "/users", MD5 if when == "created" else {})
    path = f"/users/{user['id']}"
    if when == "updated":
        user = await ok(backend, "PATCH", path, MD5)
    assert user["password_enabled"] is True
    told = len(await backend.events())
    wrong = await backend.call("POST", f"{path}/verify_password", {"password": "abd"})
    assert wrong.error["code"] == "form_password_incorrect"
    assert backend.hashed == []
    for _ in range(2):
        assert await ok(backend, "POST", f"{path}/verify_password", {"password": "abc"}) == {
            "verified": True
        }
    assert backend.hashed == ["abc"]
    assert await ok(backend, "GET", path) == user
    assert len(await backend.events()) == told


BAD = [
    ("POST", "/users", {"password_digest": MD5["password_digest"]}, 422, "password_hasher"),
    ("POST", "/users", {"password_hasher": "md5"}, 422, "password_digest"),
    ("POST", "/users", MD5 | {"password": "correct horse"}, 422, "password_digest"),
    ("POST", "/users", MD5 | {"password_hasher": "rot13"}, 422, "password_hasher"),
    ("PATCH", "/users/u", MD5 | {"password_digest": "abc"}, 422, "password_digest"),
    ("POST", "/email_addresses", {"email_address": "a@example.com"}, 422, "user_id"),
    ("POST", "/email_addresses", {"user_id": "u", "email_address": "a"}, 422, "email_address"),
    ("POST", "/email_addresses", {"user_id": "u", "email_address": 1}, 422, "email_address"),
    ("POST", "/users/ban", {"user_ids": []}, 422, "user_ids"),
    ("POST", "/users/ban", {"user_ids": ["u"] * 1001}, 422, "user_ids"),
    ("POST", "/users/unban", {}, 422, "user_ids"),
    ("POST", "/users/u/verify_password", {}, 422, "password"),
    (
        "PUT",
        "/users/u/email_address",
        {"email_address": "a@b.co", "identification_status": "x"},
        422,
        "identification_status",
    ),
    ("GET", "/users/u/organization_memberships", None, 404, None),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "param"), BAD)
async def test_what_is_wrong_is_named(
    backend: Backend, method: str, path: str, body: Any, status: int, param: str | None
) -> None:
    """A refusal in the official shape, with the parameter at fault."""
    answer = await backend.call(method, path, body)
    assert answer.status == status
    assert answer.error["meta"].get("param_name") == param
