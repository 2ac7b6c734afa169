"""Random calls keep what must always hold; the log tells them all, each once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.backend import Backend, open_backend

pytestmark = pytest.mark.anyio

CALLS = 250
VOLATILE = {"lockout_expires_in_seconds"}
"""Members of a user that change without a change: with the time."""
EVENT_ONLY = {"timezone", "organization_memberships"}


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


class Calls:
    """Random calls of every kind on users that exist, and now and then on none."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.users: dict[str, dict[str, Any]] = {}

    def next(self) -> tuple[str, str, Any]:
        dice = self.dice
        user_id = dice.choice([*self.users] * 9 + ["user_none"])
        user = self.users.get(user_id, {})
        kinds = [self._user, self._identification, self._flag]
        return dice.choices(kinds, [4, 5, 3])[0](user_id, user)

    def _profile(self) -> dict[str, Any]:
        dice = self.dice
        number = dice.randrange(12)
        choices = {
            "first_name": dice.choice(["Zoë", None, "Ann"]),
            "username": dice.choice([f"user-{number}", None]),
            "external_id": dice.choice([f"ext-{number}", ""]),
            "public_metadata": {"a": number},
            "created_at": f"20{10 + number}-01-01T00:00:00Z",
        }
        return {name: value for name, value in choices.items() if dice.random() < 0.4}

    def _user(self, user_id: str, user: dict[str, Any]) -> tuple[str, str, Any]:
        dice = self.dice
        if dice.random() < 0.35 or not self.users:
            body = self._profile()
            body["email_address"] = [f"e{dice.randrange(40)}@example.com" for _ in range(2)]
            body["phone_number"] = [f"+155555501{dice.randrange(40):02}"]
            return "POST", "/users", {n: v for n, v in body.items() if dice.random() < 0.8}
        if dice.random() < 0.15:
            return "DELETE", f"/users/{user_id}", None
        if dice.random() < 0.3:
            path = f"/users/{user_id}/metadata"
            return (
                dice.choice(["PATCH", "PUT"]),
                path,
                {"public_metadata": {"a": dice.choice([1, None])}},
            )
        body = self._profile()
        for name in ("email_address", "phone_number"):
            ids = [one["id"] for one in user.get(_many(name), [])]
            if ids and dice.random() < 0.3:
                body[f"primary_{name}_id"] = dice.choice(ids)
        return "PATCH", f"/users/{user_id}", body

    def _identification(self, user_id: str, user: dict[str, Any]) -> tuple[str, str, Any]:
        dice = self.dice
        name = dice.choice(["email_address", "phone_number"])
        value = f"e{dice.randrange(40)}@example.com"
        if name == "phone_number":
            value = f"+155555501{dice.randrange(40):02}"
        flags = {flag: dice.random() < 0.6 for flag in ("verified", "primary")}
        if name == "phone_number":
            flags["reserved_for_second_factor"] = dice.random() < 0.5
        flags = {flag: on for flag, on in flags.items() if dice.random() < 0.6}
        ids = [one["id"] for one in user.get(_many(name), [])] or ["idn_none"]
        path = f"/{_many(name)}/{dice.choice(ids)}"
        return dice.choice(
            [
                ("POST", f"/{_many(name)}", {"user_id": user_id, name: value, **flags}),
                ("PATCH", path, flags),
                ("PATCH", path, flags),
                ("DELETE", path, None),
                ("PUT", f"/users/{user_id}/{name}", {name: value}),
            ]
        )

    def _flag(self, user_id: str, _: dict[str, Any]) -> tuple[str, str, Any]:
        dice = self.dice
        if dice.random() < 0.3:
            return (
                "DELETE",
                f"/users/{user_id}/{dice.choice(['mfa', 'totp', 'profile_image'])}",
                None,
            )
        verb = dice.choice(["ban", "unban", "lock", "unlock", "remove_password"])
        return "POST", f"/users/{user_id}/{verb}", None


def _many(name: str) -> str:
    return "email_addresses" if name == "email_address" else "phone_numbers"


def check_rules(users: dict[str, dict[str, Any]]) -> None:
    """At most one primary of a kind, verified; identifiers are of one user."""
    seen: list[Any] = []
    for user in users.values():
        for name in ("email_address", "phone_number"):
            chosen = user[f"primary_{name}_id"]
            mine = {one["id"]: one for one in user[_many(name)]}
            status = mine[chosen]["verification"]["status"] if chosen else None
            replaced = len(mine) == 1
            assert chosen is None or status == "verified" or replaced, user
            seen += [(name, one[name].lower()) for one in mine.values()]
        factors = [one for one in user["phone_numbers"] if one["reserved_for_second_factor"]]
        defaults = [one for one in user["phone_numbers"] if one["default_second_factor"]]
        assert len(defaults) == bool(factors), user
        assert user["two_factor_enabled"] == (user["totp_enabled"] or bool(factors))
        for name in ("username", "external_id"):
            seen += [(name, user[name].lower())] if user[name] else []
    assert len(set(seen)) == len(seen)


async def everybody(backend: Backend) -> dict[str, dict[str, Any]]:
    found = (await backend.call("GET", "/users", query="limit=500")).json
    return {user["id"]: user for user in found}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_calls_keep_the_rules_and_the_log_rebuilds_every_user(
    backend: Backend, seed: int
) -> None:
    """After each call: the rules hold, and what changed has one event with the next version."""
    calls = Calls(seed)
    told, made, still = 0, 0, 0
    versions: dict[str, int] = {}
    for _ in range(CALLS):
        method, path, body = calls.next()
        backend.now += 1
        before = calls.users
        answer = await backend.call(method, path, body, version="2025-11-10")
        assert answer.status in {200, 404, 422}, (method, path, answer.body)
        calls.users = await everybody(backend)
        check_rules(calls.users)
        changed = {
            user_id
            for user_id in before.keys() | calls.users.keys()
            if before.get(user_id) != calls.users.get(user_id)
        }
        events = (await backend.events())[told:]
        told += len(events)
        assert [event["data"]["id"] for event in events] == [*changed], (method, path, body)
        for event in events:
            user_id = event["data"]["id"]
            kind = "updated" if user_id in before else "created"
            kind = kind if user_id in calls.users else "deleted"
            assert event["type"] == f"user.{kind}"
            versions[user_id] = versions.get(user_id, 0) + 1
            assert event["sync"]["version"] == versions[user_id]
        made += bool(changed)
        still += answer.status == 200 and not changed
    assert made > CALLS // 3
    assert still > 5
    rebuilt: dict[str, dict[str, Any]] = {}
    for event in await backend.events():
        data = event["data"]
        rebuilt[data["id"]] = data
        if data.get("deleted"):
            del rebuilt[data["id"]]
    for data in rebuilt.values():
        assert set(data) >= EVENT_ONLY
        for name in EVENT_ONLY:
            del data[name]
    for user in (*rebuilt.values(), *calls.users.values()):
        for name in VOLATILE:
            del user[name]
    assert rebuilt == calls.users
