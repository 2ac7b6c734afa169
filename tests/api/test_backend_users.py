"""Each call on users, and its whole answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.wire.ids import is_id
from tests.helpers.backend import HOST, OTHER_KEY, START, Backend, open_backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


def user_like(user_id: str, **values: Any) -> dict[str, Any]:
    """The whole answer for a user that has nothing but `values`."""
    picture = f"https://{HOST}/avatars/{user_id}"
    return {
        "object": "user",
        "id": user_id,
        "external_id": None,
        "primary_email_address_id": None,
        "primary_phone_number_id": None,
        "primary_web3_wallet_id": None,
        "username": None,
        "first_name": None,
        "last_name": None,
        "locale": None,
        "profile_image_url": picture,
        "image_url": picture,
        "has_image": False,
        "public_metadata": {},
        "private_metadata": {},
        "unsafe_metadata": {},
        "email_addresses": [],
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "password_enabled": False,
        "two_factor_enabled": False,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "mfa_enabled_at": None,
        "mfa_disabled_at": None,
        "password_last_updated_at": None,
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "last_sign_in_at": None,
        "banned": False,
        "locked": False,
        "deprovisioned": False,
        "lockout_expires_in_seconds": None,
        "verification_attempts_remaining": None,
        "updated_at": START,
        "created_at": START,
        "delete_self_enabled": True,
        "create_organization_enabled": True,
        "create_organizations_limit": None,
        "last_active_at": None,
        "legal_accepted_at": None,
        "bypass_client_trust": False,
        "scim": None,
    } | values


def email_like(email_id: str, address: str, **values: Any) -> dict[str, Any]:
    """The whole answer for an email address that an administrator added."""
    return {
        "object": "email_address",
        "id": email_id,
        "email_address": address,
        "reserved": False,
        "verification": {
            "object": "verification_admin",
            "status": "verified",
            "strategy": "admin",
            "attempts": None,
            "expire_at": None,
        },
        "linked_to": [],
        "matches_sso_connection": False,
        "created_at": START,
        "updated_at": START,
    } | values


async def test_a_user_of_nothing_can_be_created(backend: Backend) -> None:
    """No body at all makes a user with every member at its default."""
    answer = await backend.call("POST", "/users")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert is_id(answer.json["id"], "user")
    assert answer.json == user_like(answer.json["id"])


async def test_a_user_with_everything_is_answered_whole(backend: Backend) -> None:
    """Every member that can be given comes back, and reads back the same."""
    answer = await backend.call(
        "POST",
        "/users",
        {
            "external_id": "ext/1",
            "first_name": "Zoë 👩‍👩‍👧",
            "last_name": 'O\'Brien-Ñandú\t"x"',
            "locale": "de-AT",
            "email_address": ["Zoe@Example.com", "second@example.com"],
            "email_address_identification_status": ["verified", "reserved"],
            "username": "Zoe.99_x-y",
            "password": "correct horse",
            "public_metadata": {"b": [1, 2.5, None], "10": 1, "9": {"c": "d"}},
            "private_metadata": {"k": 3.0},
            "unsafe_metadata": {"emoji": "🎉"},
            "delete_self_enabled": False,
            "create_organization_enabled": False,
            "create_organizations_limit": 0,
            "legal_accepted_at": "2024-02-03T04:05:06.789Z",
            "created_at": "2012-10-20T07:15:20.902+02:00",
            "bypass_client_trust": True,
            "banned": True,
            "locked": True,
            "skip_password_checks": False,
            "skip_password_requirement": True,
            "skip_legal_checks": True,
            "skip_user_requirement": True,
            "some_future_member": {"is": "ignored"},
        },
    )
    assert answer.status == 200, answer.json
    user_id = answer.json["id"]
    first, second = answer.json["email_addresses"]
    assert is_id(first["id"], "idn")
    unverified = {
        "object": "verification_otp",
        "status": "unverified",
        "strategy": "email_code",
        "attempts": None,
        "expire_at": None,
    }
    assert answer.json == user_like(
        user_id,
        external_id="ext/1",
        first_name="Zoë 👩‍👩‍👧",
        last_name='O\'Brien-Ñandú\t"x"',
        locale="de-AT",
        username="Zoe.99_x-y",
        primary_email_address_id=first["id"],
        email_addresses=[
            email_like(first["id"], "Zoe@Example.com"),
            email_like(second["id"], "second@example.com", reserved=True, verification=unverified),
        ],
        password_enabled=True,
        password_last_updated_at=START,
        public_metadata={"9": {"c": "d"}, "10": 1, "b": [1, 2.5, None]},
        private_metadata={"k": 3},
        unsafe_metadata={"emoji": "🎉"},
        delete_self_enabled=False,
        create_organization_enabled=False,
        create_organizations_limit=0,
        legal_accepted_at=1706933106789,
        created_at=1350710120902,
        bypass_client_trust=True,
        banned=True,
        locked=True,
    )
    assert backend.hashed == ["correct horse"]
    assert (await backend.call("GET", f"/users/{user_id}")).json == answer.json
    assert (await backend.call("GET", "/users")).json == [answer.json]


async def test_an_update_changes_what_is_given_and_nothing_else(backend: Backend) -> None:
    """Absent members stay; null clears those that can be empty."""
    created = await backend.call(
        "POST",
        "/users",
        {"first_name": "A", "last_name": "B", "username": "abcd", "external_id": "e"},
    )
    user = created.json
    backend.now += 5
    answer = await backend.call(
        "PATCH",
        f"/users/{user['id']}",
        {"first_name": "C", "last_name": None, "username": "", "bypass_client_trust": None},
    )
    assert answer.status == 200
    expected = user | {
        "first_name": "C",
        "last_name": None,
        "username": None,
        "updated_at": START + 5,
    }
    assert answer.json == expected
    assert (await backend.call("GET", f"/users/{user['id']}")).json == expected


async def test_a_new_password_is_hashed_and_dated(backend: Backend) -> None:
    """The digest is made by the hasher and never shown."""
    user = (await backend.call("POST", "/users", {})).json
    backend.now += 7
    answer = await backend.call("PATCH", f"/users/{user['id']}", {"password": "12345678"})
    assert answer.json["password_enabled"] is True
    assert answer.json["password_last_updated_at"] == START + 7
    assert b"digest" not in answer.body
    assert backend.hashed == ["12345678"]


async def test_the_primary_email_address_can_be_another_verified_one(backend: Backend) -> None:
    """Only a verified address of the same user can be primary."""
    user = (
        await backend.call(
            "POST",
            "/users",
            {
                "email_address": ["a@example.com", "b@example.com", "c@example.com"],
                "email_address_identification_status": ["verified", "verified", "reserved"],
            },
        )
    ).json
    _, second, reserved = [email["id"] for email in user["email_addresses"]]
    path = f"/users/{user['id']}"
    answer = await backend.call("PATCH", path, {"primary_email_address_id": second})
    assert answer.json["primary_email_address_id"] == second
    for bad in (reserved, "idn_2g7np7Hrk0SN6kj5EDMLDaKNL0S"):
        refused = await backend.call("PATCH", path, {"primary_email_address_id": bad})
        assert refused.status == 422
        assert refused.error["meta"] == {"param_name": "primary_email_address_id"}


async def test_metadata_merges_at_every_depth_and_null_removes(backend: Backend) -> None:
    """PATCH metadata is a merge patch; the objects that are not given stay."""
    user = (
        await backend.call(
            "POST",
            "/users",
            {
                "public_metadata": {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "list": [1, 2], "z": 1},
                "private_metadata": {"p": 1},
            },
        )
    ).json
    answer = await backend.call(
        "PATCH",
        f"/users/{user['id']}/metadata",
        {
            "public_metadata": {
                "a": {"c": {"d": None, "f": "new"}},
                "list": [3],
                "z": None,
                "7": {"gone": None},
                "absent": None,
            },
            "unsafe_metadata": None,
        },
    )
    assert answer.status == 200
    assert answer.json["public_metadata"] == {
        "7": {},
        "a": {"b": 1, "c": {"e": 3, "f": "new"}},
        "list": [3],
    }
    assert list(answer.json["public_metadata"]) == ["7", "a", "list"]
    assert answer.json["private_metadata"] == {"p": 1}


async def test_older_versions_replace_metadata_in_an_update(backend: Backend) -> None:
    """Before 2026-05-12 each object given to PATCH /users/{id} replaces the kept one."""
    created = {"public_metadata": {"a": 1, "b": 2}, "private_metadata": {"p": 1}}
    user = (await backend.call("POST", "/users", created)).json
    answer = await backend.call(
        "PATCH",
        f"/users/{user['id']}",
        {"public_metadata": {"c": None}},
        version="2025-11-10",
    )
    assert answer.status == 200
    assert answer.json["public_metadata"] == {"c": None}
    assert answer.json["private_metadata"] == {"p": 1}


@pytest.mark.parametrize("version", [None, "2026-05-12", "2026-08-20", "nonsense"])
async def test_newer_versions_send_metadata_to_its_own_route(
    backend: Backend, version: str | None
) -> None:
    """From 2026-05-12 on PATCH /users/{id} names the route that takes metadata."""
    user = (await backend.call("POST", "/users", {})).json
    answer = await backend.call(
        "PATCH", f"/users/{user['id']}", {"public_metadata": {"a": 1}}, version=version
    )
    assert answer.status == 422
    assert answer.error["meta"] == {"param_name": "public_metadata"}
    assert "/metadata" in answer.error["long_message"]


async def test_a_deleted_user_is_gone(backend: Backend) -> None:
    """Deleting answers what is left to say; everything about the user is free again."""
    body = {"external_id": "e1", "email_address": ["a@example.com"], "username": "abcd"}
    user = (await backend.call("POST", "/users", body)).json
    path = f"/users/{user['id']}"
    answer = await backend.call("DELETE", path)
    assert answer.status == 200
    assert answer.json == {
        "object": "user",
        "id": user["id"],
        "deleted": True,
        "external_id": "e1",
    }
    for method in ("GET", "PATCH", "DELETE"):
        assert (await backend.call(method, path, {})).status == 404
    assert (await backend.call("POST", "/users", body)).status == 200


async def test_the_deletion_of_a_user_without_external_id_has_none(backend: Backend) -> None:
    """The member is absent, not null."""
    user = (await backend.call("POST", "/users", {})).json
    answer = await backend.call("DELETE", f"/users/{user['id']}")
    assert answer.json == {"object": "user", "id": user["id"], "deleted": True}


async def test_instances_do_not_see_each_other(backend: Backend) -> None:
    """Users, and what must be unique among them, belong to one instance."""
    body = {"email_address": ["a@example.com"], "username": "abcd", "external_id": "e"}
    user = (await backend.call("POST", "/users", body)).json
    assert (await backend.call("GET", f"/users/{user['id']}", key=OTHER_KEY)).status == 404
    assert (await backend.call("GET", "/users", key=OTHER_KEY)).json == []
    other = await backend.call("POST", "/users", body, key=OTHER_KEY)
    assert other.status == 200
    assert other.json["image_url"].startswith("https://prod.example.com/")
    assert len(await backend.events(1)) == len(await backend.events(2)) == 1


@pytest.mark.parametrize("version", ["2021-02-05", "2026-08-20", "v1"])
async def test_any_version_is_accepted_and_echoed(backend: Backend, version: str) -> None:
    """Clients send versions that nobody has published."""
    answer = await backend.call("GET", "/users", version=version)
    assert answer.status == 200
    assert answer.headers["clerk-api-version"] == version
