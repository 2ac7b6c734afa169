"""Random sequences of calls against a plain in-memory model: whole answers compared."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_backend_users import email_like, user_like
from tests.helpers.backend import START, Answer, Backend, open_backend

EMAILS = st.sampled_from(["a@example.com", "A@Example.com", "b@example.com", "c@example.com"])
NAMES = st.none() | st.sampled_from(["", "Zoë", "👩‍👩‍👧 \u202e", "'; --", '\\"\n'])
KEYS = st.sampled_from(["a", "b", "1", "02", "10", "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1e-6, "x", "🎉"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=3)
PROFILE = {
    "first_name": NAMES,
    "last_name": NAMES,
    "locale": st.none() | st.just("de"),
    "username": st.none() | st.sampled_from(["", "abcd", "ABCD", "efgh"]),
    "external_id": st.none() | st.sampled_from(["", "e1", "E1"]),
    "delete_self_enabled": st.none() | st.booleans(),
    "create_organizations_limit": st.none() | st.integers(0, 2),
    "password": st.none() | st.just("12345678"),
    "public_metadata": METADATA,
    "private_metadata": METADATA,
}
CREATE = st.fixed_dictionaries(
    {}, optional=PROFILE | {"email_address": st.lists(EMAILS, max_size=2)}
)
UPDATE = st.fixed_dictionaries({}, optional=PROFILE)
MERGE = st.fixed_dictionaries(
    {}, optional={"public_metadata": METADATA, "unsafe_metadata": METADATA}
)
WHO = st.integers(0, 3)
CALLS = st.lists(
    st.tuples(st.just("create"), WHO, CREATE)
    | st.tuples(st.just("update"), WHO, UPDATE)
    | st.tuples(st.just("merge"), WHO, MERGE)
    | st.tuples(st.just("delete"), WHO, st.none()),
    max_size=14,
)
PLAIN = ("first_name", "last_name", "locale", "create_organizations_limit")


class Model:
    """What the API must do, written for clarity and not for speed."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    def taken(self, body: dict[str, Any], me: str | None = None) -> str | None:
        """Return the parameter that another user has already."""
        others = [user for name, user in self.users.items() if name != me]
        for param in ("username", "external_id"):
            mine = fold(param, body.get(param))
            if mine and mine in [fold(param, user[param]) for user in others]:
                return param
        emails = [address.lower() for address in body.get("email_address", [])]
        theirs = [e["email_address"].lower() for u in others for e in u["email_addresses"]]
        return "email_address" if len({*emails, *theirs}) < len(emails) + len(theirs) else None

    def create(self, body: dict[str, Any], answer: Answer, now: int) -> None:
        """Expect a new user with the identifiers that the answer tells."""
        user_id = answer.json["id"]
        user = user_like(user_id, created_at=now, updated_at=now)
        emails = [
            email_like(got["id"], address, created_at=now, updated_at=now)
            for got, address in zip(
                answer.json["email_addresses"], body.get("email_address", []), strict=True
            )
        ]
        user["email_addresses"] = emails
        user["primary_email_address_id"] = emails[0]["id"] if emails else None
        self.users[user_id] = changed(user, body, now)
        self.events.append(("user.created", self.users[user_id]))

    def save(self, user_id: str, new: dict[str, Any], now: int) -> None:
        """Expect an update, unless nothing is different."""
        if not same(new, self.users[user_id]):
            self.users[user_id] = new | {"updated_at": now}
            self.events.append(("user.updated", self.users[user_id]))


def fold(param: str, value: str | None) -> str | None:
    return value.lower() if value and param == "username" else value


def same(left: Any, right: Any) -> bool:
    """Compare as JSON does: True is not 1, and the order of keys does not matter."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def changed(user: dict[str, Any], body: dict[str, Any], now: int) -> dict[str, Any]:
    """Apply what is given of a profile."""
    new = dict(user)
    new |= {name: body[name] for name in PLAIN if name in body}
    new |= {name: body[name] or None for name in ("username", "external_id") if name in body}
    new |= {name: body[name] for name in body if name.endswith("_metadata")}
    if body.get("delete_self_enabled") is not None:
        new["delete_self_enabled"] = body["delete_self_enabled"]
    if body.get("password"):
        new |= {"password_enabled": True, "password_last_updated_at": now}
    return new


def merged(old: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """Merge as the pseudocode of RFC 7396, section 2, does."""
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(result.get(key), value)
        else:
            result[key] = value
    return result


async def step(backend: Backend, model: Model, verb: str, user_id: str, body: Any) -> None:
    """Make one call, and compare its answer with the model's."""
    path = f"/users/{user_id}"
    if verb == "create":
        answer = await backend.call("POST", "/users", body)
        taken = model.taken(body)
        if taken is None:
            model.create(body, answer, backend.now)
            user_id = answer.json["id"]
    elif user_id not in model.users:
        method = {"update": "PATCH", "merge": "PATCH", "delete": "DELETE"}[verb]
        answer = await backend.call(method, path, body, version="2025-11-10")
        assert (answer.status, answer.error["code"]) == (404, "resource_not_found")
        return
    elif verb == "delete":
        user = model.users.pop(user_id)
        expected = {"object": "user", "id": user_id, "deleted": True}
        if user["external_id"]:
            expected["external_id"] = user["external_id"]
        model.events.append(("user.deleted", expected))
        assert (await backend.call("DELETE", path)).json == expected
        return
    elif verb == "merge":
        user = model.users[user_id]
        new = {name: merged(user[name], part) for name, part in body.items()}
        answer = await backend.call("PATCH", path + "/metadata", body)
        taken = None
        model.save(user_id, user | new, backend.now)
    else:
        answer = await backend.call("PATCH", path, body, version="2025-11-10")
        taken = model.taken(body, user_id)
        if taken is None:
            new = changed(model.users[user_id], body, backend.now)
            model.save(user_id, new, backend.now)
    if taken is not None:
        assert (answer.status, answer.error["code"]) == (422, "form_identifier_exists")
    else:
        assert answer.status == 200, answer.body
        assert same(answer.json, model.users[user_id])


async def run(backend: Backend, calls: list[tuple[str, int, Any]]) -> None:
    model = Model()
    for verb, who, body in calls:
        backend.now += 1
        known = [*model.users, "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"]
        await step(backend, model, verb, known[who % len(known)], body)
        listed = (await backend.call("GET", "/users", query="limit=500&order_by=created_at")).json
        assert same(listed, list(model.users.values()))
    extra = {"timezone": None, "organization_memberships": None}
    versions: dict[str, int] = {}
    for event, (kind, data) in zip(await backend.events(), model.events, strict=True):
        assert event["type"] == kind
        assert same(event["data"], data if kind == "user.deleted" else data | extra)
        versions[data["id"]] = versions.get(data["id"], 0) + 1
        assert event["sync"]["version"] == versions[data["id"]]


@given(CALLS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_calls_answers_as_the_model_does(calls: list[tuple[str, int, Any]]) -> None:
    """After every call the answer and the list agree; at the end so does the log."""
    with tempfile.TemporaryDirectory() as folder, open_backend(Path(folder)) as backend:
        assert backend.now == START
        asyncio.run(run(backend, calls))
