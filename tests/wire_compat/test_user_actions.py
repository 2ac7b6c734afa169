"""The official clients ban, lock and change email addresses; every answer is the model's."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_backend_users_model import same
from tests.helpers.server import RunningServer
from tests.wire_compat.model import NOBODY, Answer, Call, Model, Refused, email_as, narrow_email
from tests.wire_compat.sdks import JavaScriptSdk, PythonSdk
from tests.wire_compat.test_user_calls import JAVASCRIPT, open_sdk

pytestmark = pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")

CALLS = 160
NO_EMAIL = "idn_2g7np7Hrk0SN6kj5EDMLDaKNL0S"
FLAGS: dict[str, dict[str, Any]] = {
    "ban": {"banned": True},
    "unban": {"banned": False},
    "lock": {"locked": True},
    "unlock": {"locked": False},
    "remove_password": {"password_enabled": False, "password_last_updated_at": None},
}
LATER = -1
"""Stands for the moment of a call whose answer does not tell it."""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


class Emails(Model):
    """Every user and what happens to its email addresses, in plain Python."""

    def owner(self, email_id: str) -> dict[str, Any] | None:
        for user in self.users.values():
            if any(email["id"] == email_id for email in user["email_addresses"]):
                return user
        return None

    def apply(self, call: Call, answer: Answer) -> Any:
        """Return what a call must answer, and change what it changes."""
        if call.verb in FLAGS:
            user = self.users[call.user_id]
            return self._save(user | FLAGS[call.verb], answer.value["updated_at"], answer)
        return getattr(self, f"_{call.verb}")(call, answer)

    def refusals(self, call: Call) -> set[Refused]:
        """Every refusal that would be right; none when the call must succeed."""
        body = call.body
        if "@" not in body.get("email_address", "@"):
            return {Refused(422, "form_param_format_invalid", "email_address")}
        user_id = body.get("user_id", call.user_id)
        user = self.users.get(user_id) or self.owner(call.user_id)
        if user is None:
            return {Refused(404, "resource_not_found")}
        address = body.get("email_address", "").lower()
        others = [
            email["email_address"].lower()
            for other in self.users.values()
            for email in other["email_addresses"]
            if other is not user or call.verb != "email_replace"
        ]
        wrong: set[Refused] = set()
        if address in others:
            wrong.add(Refused(422, "form_identifier_exists", "email_address"))
        if call.verb == "email_create" and body.get("primary") and not body.get("verified"):
            wrong.add(Refused(422, "form_param_value_invalid", "primary"))
        if call.verb == "email_update":
            wrong |= self._cannot_be_primary(user, call)
        return wrong

    def _cannot_be_primary(self, user: dict[str, Any], call: Call) -> set[Refused]:
        email = self._find(user, call.user_id)
        was = email["verification"]["status"] == "verified"
        verified = call.body.get("verified", was)
        is_primary = user["primary_email_address_id"] == email["id"]
        if verified or not (is_primary or call.body.get("primary")):
            return set()
        if not is_primary:
            return {Refused(422, "form_param_value_invalid", "primary")}
        return {Refused(422, "form_param_value_invalid", "verified")} if was else set()

    def _find(self, user: dict[str, Any], email_id: str) -> dict[str, Any]:
        return next(email for email in user["email_addresses"] if email["id"] == email_id)

    def _email_get(self, call: Call, _: Answer) -> dict[str, Any]:
        user = self.owner(call.user_id)
        assert user
        return self._find(user, call.user_id)

    def _email_create(self, call: Call, answer: Answer) -> dict[str, Any]:
        user = self.users[call.body["user_id"]]
        status = "verified" if call.body.get("verified") else "unverified"
        email = email_as(answer.value["id"], call.body["email_address"], status, LATER)
        first = user["primary_email_address_id"] is None and status == "verified"
        if call.body.get("primary") or first:
            user["primary_email_address_id"] = email["id"]
        user["email_addresses"].append(email)
        user["updated_at"] = LATER
        return email

    def _email_update(self, call: Call, _: Answer) -> dict[str, Any]:
        user = self.owner(call.user_id)
        assert user
        email = self._find(user, call.user_id)
        was = email["verification"]["status"] == "verified"
        verified = call.body.get("verified", was)
        if verified != was:
            status = "verified" if verified else "unverified"
            created_at = email["created_at"]
            email |= email_as(email["id"], email["email_address"], status, LATER)
            email["created_at"], user["updated_at"] = created_at, LATER
        if call.body.get("primary") and user["primary_email_address_id"] != email["id"]:
            user["primary_email_address_id"], user["updated_at"] = email["id"], LATER
        return email

    def _email_delete(self, call: Call, _: Answer) -> dict[str, Any]:
        user = self.owner(call.user_id)
        assert user
        user["email_addresses"].remove(self._find(user, call.user_id))
        if user["primary_email_address_id"] == call.user_id:
            left = (
                email["id"]
                for email in user["email_addresses"]
                if email["verification"]["status"] == "verified"
            )
            user["primary_email_address_id"] = next(left, None)
        user["updated_at"] = LATER
        return {"object": "email_address", "id": call.user_id, "deleted": True}

    def _email_replace(self, call: Call, answer: Answer) -> dict[str, Any]:
        user = self.users[call.user_id]
        status = call.body.get("identification_status", "verified")
        new = email_as(answer.value["id"], call.body["email_address"], status, LATER)
        for old in user["email_addresses"]:
            if same(
                old | {"id": 0, "created_at": 0, "updated_at": 0},
                new | {"id": 0, "created_at": 0, "updated_at": 0},
            ):
                assert new["id"] == old["id"]
                new = old
        if user["email_addresses"] != [new] or user["primary_email_address_id"] != new["id"]:
            user |= {"email_addresses": [new], "primary_email_address_id": new["id"]}
            user["updated_at"] = LATER
        return new

    def settle(self, user: dict[str, Any], now: int, answer: Answer) -> None:
        """Put the moment of the last call, as the server tells it, where it is open."""
        if user["updated_at"] == LATER:
            user["updated_at"] = self._moment(now, answer)
        for email in user["email_addresses"]:
            for name in ("created_at", "updated_at"):
                email[name] = now if email[name] == LATER else email[name]


class Dice:
    """Random calls on the users of a model."""

    def __init__(self, model: Emails, seed: int) -> None:
        self.model = model
        self.random = random.Random(seed)

    def next(self) -> Call:
        dice, users = self.random, self.model.users
        verb = dice.choice(
            [
                *FLAGS,
                *["email_create", "email_update"] * 5,
                *["email_get", "email_delete", "email_replace"] * 2,
            ]
        )
        user_id = dice.choice([*users] * 8 + [NOBODY])
        ids = [one["id"] for user in users.values() for one in user["email_addresses"]]
        email_id = dice.choice(ids * 8 + [NO_EMAIL])
        name = f"{dice.choice('aA')}{dice.randrange(120)}"
        address = "nobody" if dice.random() < 0.05 else f"{name}@example.com"
        flags = {name: dice.random() < 0.6 for name in ("verified", "primary")}
        flags = {name: value for name, value in flags.items() if dice.random() < 0.7}
        if verb == "email_create":
            return Call(verb, "", {"user_id": user_id, "email_address": address, **flags})
        if verb == "email_replace":
            status = dice.choice(["verified", "reserved", "unverified"])
            body = {"email_address": address, "identification_status": status}
            return Call(verb, user_id, body)
        if verb == "email_update":
            return Call(verb, email_id, flags or {"verified": True})
        return Call(verb, email_id if verb.startswith("email_") else user_id)


def shown_alike(sdk: PythonSdk | JavaScriptSdk, call: Call, expected: Any, got: Any) -> bool:
    if "deleted" in expected:
        return same(expected, got)
    if not call.verb.startswith("email_"):
        shown = {name: expected[name] for name in sdk.fields or expected if name in expected}
        if "email_addresses" in shown and sdk.fields:
            shown["email_addresses"] = [narrow_email(one) for one in expected["email_addresses"]]
        return same(shown, got)
    if sdk.fields:
        return same(narrow_email(expected), got)
    open_times = [name for name in ("created_at", "updated_at") if expected[name] == LATER]
    return same(expected, got | dict.fromkeys(open_times, LATER))


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_actions_answer_as_the_model_does(
    server: RunningServer, kind: str, seed: int
) -> None:
    """160 calls, whole answers and refusals; after each, the whole user is read back."""
    model = Emails(server.keys().frontend_host)
    dice, made, refused = Dice(model, seed), Counter[str](), 0
    with open_sdk(kind, server) as sdk:
        for n in range(5):
            body = {"email_address": [f"a{n}@example.com", f"first{n}@example.com"]}
            create = Call("create", body=body | ({"password": "correct horse"} if n else {}))
            model.check(create, sdk.do(create), sdk.fields)
        for _ in range(CALLS):
            call = dice.next()
            refusals = model.refusals(call)
            owner = model.owner(call.user_id)
            answer = sdk.do(call)
            if refusals:
                assert answer.value in refusals, (call, answer.value, refusals)
                refused += 1
                continue
            assert not isinstance(answer.value, Refused), (call, answer.value)
            expected = model.apply(call, answer)
            assert shown_alike(sdk, call, expected, answer.value), (call, expected, answer.value)
            made[call.verb] += 1
            user_id = owner["id"] if owner else call.body.get("user_id", call.user_id)
            back = Call("get", user_id)
            read = sdk.do(back)
            model.settle(model.users[user_id], read.value["updated_at"], answer)
            model.check(back, read, sdk.fields)
    assert set(made) == {
        *FLAGS,
        *(f"email_{n}" for n in ("create", "get", "update", "delete", "replace")),
    }, made
    assert refused > 5


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_passwords_are_verified_and_removed(server: RunningServer, kind: str) -> None:
    """The right one is verified; a wrong one and none at all are refused by name."""
    with open_sdk(kind, server) as sdk:
        user_id = sdk.do(Call("create", body={"password": "correct horse ñ"})).value["id"]

        def verify(password: str, who: str = user_id) -> Any:
            body = {"user_id": who, "password": password}
            return sdk.do(Call("verify_password", body=body)).value

        assert verify("correct horse ñ") == {"verified": True}
        assert verify("correct horse n") == Refused(422, "form_password_incorrect", "password")
        assert verify("x" * 2000) == Refused(422, "form_password_incorrect", "password")
        assert verify("correct horse ñ", NOBODY) == Refused(404, "resource_not_found")
        removed = sdk.do(Call("remove_password", user_id)).value
        assert removed["password_enabled"] is False
        assert verify("correct horse ñ") == Refused(422, "no_password_set", "password")


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_second_factors_and_memberships_answer_though_there_are_none(
    server: RunningServer, kind: str
) -> None:
    """Taking away what is not there succeeds; lists are empty; unknown users are refused."""
    with open_sdk(kind, server) as sdk:
        user_id = sdk.do(Call("create")).value["id"]
        for verb in ("disable_mfa", "delete_totp", "delete_backup_codes"):
            value = sdk.do(Call(verb, user_id)).value
            assert list(value.values()) == [user_id], value
            assert sdk.do(Call(verb, NOBODY)).value == Refused(404, "resource_not_found")
        for verb in ("memberships", "invitations"):
            value = sdk.do(Call(verb, body={"user_id": user_id})).value
            assert value == {"data": [], "total_count": 0}
            gone = sdk.do(Call(verb, body={"user_id": NOBODY})).value
            assert gone == Refused(404, "resource_not_found")


def test_several_users_are_banned_at_once_or_none(server: RunningServer) -> None:
    """An unknown id among them changes nobody; a repeated one counts once."""
    with open_sdk("python", server) as sdk:
        ids = [sdk.do(Call("create")).value["id"] for _ in range(3)]
        bad = sdk.do(Call("bulk_ban", body={"user_ids": [*ids, NOBODY]})).value
        assert bad == Refused(404, "resource_not_found")
        listed = Call("count", body={"banned": True})
        assert sdk.do(listed).value == 0
        banned = sdk.do(Call("bulk_ban", body={"user_ids": [ids[2], ids[0], ids[2]]})).value
        assert [(user["id"], user["banned"]) for user in banned] == [(ids[2], True), (ids[0], True)]
        assert sdk.do(listed).value == 2
        free = sdk.do(Call("bulk_unban", body={"user_ids": ids})).value
        assert [user["banned"] for user in free] == [False] * 3
        assert sdk.do(listed).value == 0
