"""The official clients ban, lock and change identifications; every answer is the model's."""

import base64
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from consignease.domain import totp
from tests.api.test_backend_users_model import same
from tests.helpers import official
from tests.helpers.server import RunningServer
from tests.wire_compat.model import (
    NOBODY,
    Answer,
    Call,
    Model,
    Refused,
    identification_as,
    narrow,
    narrow_identification,
)
from tests.wire_compat.sdks import JavaScriptSdk, PythonSdk
from tests.wire_compat.test_user_calls import JAVASCRIPT, open_sdk

pytestmark = pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")

CALLS = 260
NO_IDENTIFICATION = "idn_2g7np7Hrk0SN6kj5EDMLDaKNL0S"
FLAGS: dict[str, dict[str, Any]] = {
    "ban": {"banned": True},
    "unban": {"banned": False},
    "lock": {"locked": True},
    "unlock": {"locked": False},
    "remove_password": {"password_enabled": False, "password_last_updated_at": None},
}
KINDS = {"email": "email_address", "phone": "phone_number"}
FACTOR = ("reserved_for_second_factor", "default_second_factor")
BAD = {"nobody", "5550100"}
INVALID = "form_param_value_invalid"
LATER = -1
"""Stands for the moment of a call whose answer does not tell it."""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


class Identified(Model):
    """Every user and what happens to what identifies it, in plain Python."""

    def owner(self, wanted_id: str) -> dict[str, Any] | None:
        for user in self.users.values():
            if any(one["id"] == wanted_id for kind in KINDS.values() for one in user[many(kind)]):
                return user
        return None

    def apply(self, call: Call, answer: Answer) -> Any:
        """Return what a call must answer, and change what it changes."""
        if call.verb in FLAGS:
            user = self.users[call.user_id]
            return self._save(user | FLAGS[call.verb], answer.value["updated_at"], answer)
        kind, verb = call.verb.split("_")
        user = self.owner(call.user_id) or self.users[call.body.get("user_id", call.user_id)]
        had = two_factors(user)
        shown = getattr(self, f"_{verb}")(KINDS[kind], user, call, answer)
        self._default(user)
        if two_factors(user) != had:
            user["two_factor_enabled"] = not had
            user["mfa_disabled_at" if had else "mfa_enabled_at"] = LATER
        return shown

    def _default(self, user: dict[str, Any]) -> None:
        factors = [one for one in user["phone_numbers"] if one["reserved_for_second_factor"]]
        if factors and not any(one["default_second_factor"] for one in factors):
            factors[0] |= {"default_second_factor": True, "updated_at": LATER}

    def refusals(self, call: Call) -> set[Refused]:
        """Every refusal that would be right; none when the call must succeed."""
        body = call.body
        kind = KINDS.get(call.verb.split("_")[0], "")
        if body.get(kind) in BAD:
            return {Refused(422, "form_param_format_invalid", kind)}
        user_id = body.get("user_id", call.user_id)
        user = self.users.get(user_id) or self.owner(call.user_id)
        if user is None:
            return {Refused(404, "resource_not_found")}
        wrong: set[Refused] = set()
        if not kind:
            return wrong
        others = [
            one[kind].lower()
            for other in self.users.values()
            for one in other[many(kind)]
            if other is not user or not call.verb.endswith("replace")
        ]
        if body.get(kind, "").lower() in others:
            wrong.add(Refused(422, "form_identifier_exists", kind))
        if call.verb.endswith("_create") and not body.get("verified"):
            names = ("primary", "reserved_for_second_factor")
            wrong |= {Refused(422, INVALID, name) for name in names if body.get(name)}
        if call.verb.endswith("_update"):
            wrong |= self._not_verified(kind, user, call)
        return wrong

    def _not_verified(self, kind: str, user: dict[str, Any], call: Call) -> set[Refused]:
        one = self._find(kind, user, call.user_id)
        was = one["verification"]["status"] == "verified"
        if call.body.get("verified", was):
            return set()
        wrong: set[Refused] = set()
        factor = one.get("reserved_for_second_factor")
        if call.body.get("reserved_for_second_factor", factor):
            wrong.add(Refused(422, INVALID, "reserved_for_second_factor"))
        is_primary = user[f"primary_{kind}_id"] == one["id"]
        if not is_primary and call.body.get("primary"):
            wrong.add(Refused(422, INVALID, "primary"))
        if is_primary and was:
            wrong.add(Refused(422, INVALID, "verified"))
        return wrong

    def _find(self, kind: str, user: dict[str, Any], wanted_id: str) -> dict[str, Any]:
        return next(one for one in user[many(kind)] if one["id"] == wanted_id)

    def _get(self, *args: Any) -> Any:
        if len(args) == 2:
            return super()._get(*args)
        kind, user, call, _ = args
        return self._find(kind, user, call.user_id)

    def _create(self, *args: Any) -> Any:
        if len(args) == 2:
            return super()._create(*args)
        kind, user, call, answer = args
        status = "verified" if call.body.get("verified") else "unverified"
        made = identification_as(kind, answer.value["id"], call.body[kind], status, LATER)
        if call.body.get("reserved_for_second_factor"):
            made["reserved_for_second_factor"] = True
        first = user[f"primary_{kind}_id"] is None and status == "verified"
        if call.body.get("primary") or first:
            user[f"primary_{kind}_id"] = made["id"]
        user[many(kind)].append(made)
        user["updated_at"] = LATER
        return made

    def _update(self, *args: Any) -> Any:
        if len(args) == 2:
            return super()._update(*args)
        kind, user, call, _ = args
        one = self._find(kind, user, call.user_id)
        was = one["verification"]["status"] == "verified"
        verified = call.body.get("verified", was)
        if verified != was:
            status = "verified" if verified else "unverified"
            kept = {name: one[name] for name in ("created_at", *FACTOR) if name in one}
            one |= identification_as(kind, one["id"], one[kind], status, LATER) | kept
            user["updated_at"] = LATER
        factor = call.body.get("reserved_for_second_factor")
        if factor not in {None, one.get("reserved_for_second_factor")}:
            one |= {"reserved_for_second_factor": factor, "updated_at": LATER}
            one["default_second_factor"] = factor and one["default_second_factor"]
            user["updated_at"] = LATER
        if call.body.get("primary") and user[f"primary_{kind}_id"] != one["id"]:
            user[f"primary_{kind}_id"], user["updated_at"] = one["id"], LATER
        return one

    def _delete(self, *args: Any) -> Any:
        if len(args) == 2:
            return super()._delete(*args)
        kind, user, call, _ = args
        user[many(kind)].remove(self._find(kind, user, call.user_id))
        if user[f"primary_{kind}_id"] == call.user_id:
            left = (
                one["id"] for one in user[many(kind)] if one["verification"]["status"] == "verified"
            )
            user[f"primary_{kind}_id"] = next(left, None)
        user["updated_at"] = LATER
        return {"object": kind, "id": call.user_id, "deleted": True}

    def _replace(self, *args: Any) -> Any:
        if len(args) == 2:
            return super()._replace(*args)
        kind, user, call, answer = args
        status = call.body.get("identification_status", "verified")
        new = identification_as(kind, answer.value["id"], call.body[kind], status, LATER)
        for old in user[many(kind)]:
            if all(same(old[name], new[name]) for name in (kind, "verification", "reserved")):
                assert new["id"] == old["id"]
                new = old
        if user[many(kind)] != [new] or user[f"primary_{kind}_id"] != new["id"]:
            user |= {many(kind): [new], f"primary_{kind}_id": new["id"], "updated_at": LATER}
        return new

    def settle(self, user: dict[str, Any], now: int, answer: Answer) -> None:
        """Put the moment of the last call, as the server tells it, where it is open."""
        if user["updated_at"] == LATER:
            user["updated_at"] = self._moment(now, answer)
        for part in (user, *user["email_addresses"], *user["phone_numbers"]):
            for name in ("created_at", "updated_at", "mfa_enabled_at", "mfa_disabled_at"):
                if part.get(name) == LATER:
                    part[name] = now


def many(kind: str) -> str:
    return {"email_address": "email_addresses"}.get(kind, "phone_numbers")


def two_factors(user: dict[str, Any]) -> bool:
    return any(one["reserved_for_second_factor"] for one in user["phone_numbers"])


class Dice:
    """Random calls on the users of a model."""

    def __init__(self, model: Identified, seed: int) -> None:
        self.model = model
        self.random = random.Random(seed)

    def next(self) -> Call:
        dice, users = self.random, self.model.users
        user_id = dice.choice([*users] * 8 + [NOBODY])
        if dice.random() < 0.2:
            return Call(dice.choice([*FLAGS]), user_id)
        name, kind = dice.choice([*KINDS.items()])
        verb = dice.choice([*["create", "update"] * 5, *["get", "delete", "replace"] * 2])
        ids = [one["id"] for user in users.values() for one in user[many(kind)]]
        one_id = dice.choice(ids * 8 + [NO_IDENTIFICATION])
        number = dice.randrange(120)
        value = f"{dice.choice('aA')}{number}@example.com"
        if kind == "phone_number":
            value = f"+1555555{number:04}"
        if dice.random() < 0.05:
            value = dice.choice([*BAD])
        names = ["verified", "primary", *FACTOR[: kind == "phone_number"]]
        flags = {name: dice.random() < 0.6 for name in names if dice.random() < 0.7}
        if verb == "create":
            return Call(f"{name}_create", "", {"user_id": user_id, kind: value, **flags})
        if verb == "replace":
            status = dice.choice(["verified", "reserved", "unverified"])
            return Call(f"{name}_replace", user_id, {kind: value, "identification_status": status})
        if verb == "update":
            return Call(f"{name}_update", one_id, flags or {"verified": True})
        return Call(f"{name}_{verb}", one_id)


def shown_alike(sdk: PythonSdk | JavaScriptSdk, call: Call, expected: Any, got: Any) -> bool:
    if "deleted" in expected:
        return same(expected, got)
    if call.verb in FLAGS:
        return same(narrow(expected, sdk.fields) if sdk.fields else expected, got)
    if sdk.fields:
        return same(narrow_identification(expected), got)
    open_times = [name for name in ("created_at", "updated_at") if expected[name] == LATER]
    return same(expected, got | dict.fromkeys(open_times, LATER))


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_actions_answer_as_the_model_does(
    server: RunningServer, kind: str, seed: int
) -> None:
    """260 calls, whole answers and refusals; after each, the whole user is read back."""
    model = Identified(server.keys().frontend_host)
    dice, made, refused = Dice(model, seed), Counter[str](), 0
    with open_sdk(kind, server) as sdk:
        for n in range(5):
            body: dict[str, Any] = {"email_address": [f"a{n}@example.com", f"first{n}@example.com"]}
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
        *(
            f"{kind}_{n}"
            for kind in KINDS
            for n in ("create", "get", "update", "delete", "replace")
        ),
    }, made
    assert refused > 5
    if kind == "python" and official.document() is not None:
        print(f"held against the official schema: {dict(official.checked)}")
        assert sum(official.checked.values()) > CALLS


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


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_codes_of_second_factors_are_good_once(server: RunningServer, kind: str) -> None:
    """Of an authenticator and of backup codes, plain and as bcrypt; others are refused."""
    bcrypt = "$2b$04$eUnW29GcGJlpyVGqsQcKneLl7/k2ZZqB12ZTTBs0sPIVkadIMIMnW"
    with open_sdk(kind, server) as sdk:
        body = {"totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DP", "backup_codes": ["plain-1", bcrypt]}
        user = sdk.do(Call("create", body=body)).value
        assert (user["totp_enabled"], user["backup_code_enabled"]) == (True, True)
        assert user["two_factor_enabled"] is True

        def verify(code: str, who: str = user["id"]) -> Any:
            return sdk.do(Call("verify_totp", body={"user_id": who, "code": code})).value

        key = base64.b32decode(body["totp_secret"])
        code = totp.code(key, int(time.time()) // 30)
        assert verify(code) == {"verified": True, "code_type": "totp"}
        wrong = Refused(422, "form_code_incorrect", "code")
        assert verify(code) == wrong
        for backup in ("plain-1", "plain-2"):
            assert verify(backup) == {"verified": True, "code_type": "backup_code"}
            assert verify(backup) == wrong
        sdk.do(Call("delete_totp", user["id"]))
        sdk.do(Call("delete_backup_codes", user["id"]))
        assert verify(code) == Refused(422, "totp_not_configured", "code")
        assert verify("1", NOBODY) == Refused(404, "resource_not_found")


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_a_compromised_password_is_marked_until_it_is_another(
    server: RunningServer, kind: str
) -> None:
    """Each mark is a change; a repeated one is none; without a password there is nothing."""
    with open_sdk(kind, server) as sdk:
        user = sdk.do(Call("create", body={"password": "correct horse"})).value
        verbs = ("get", "set_compromised", "set_compromised", "unset_compromised")
        times = [sdk.do(Call(verb, user["id"])).value["updated_at"] for verb in verbs]
        first, second, third, fourth = times
        assert first < second == third < fourth
        bare = sdk.do(Call("create")).value["id"]
        refused = sdk.do(Call("set_compromised", bare)).value
        assert refused == Refused(422, "no_password_set", "password")


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_who_may_sign_up_is_listed_and_unlisted(server: RunningServer, kind: str) -> None:
    """Identifiers of every type, in the form in which they are compared, newest first."""
    spellings = {
        "Zoe@Example.com": ("zoe@example.com", "email_address"),
        "@example.com": ("*@example.com", "email_address"),
        "+1 (555) 555-0100": ("+15555550100", "phone_number"),
        "0x" + "aB" * 20: ("0x" + "ab" * 20, "web3_wallet"),
    }
    with open_sdk(kind, server) as sdk:
        for add, show, remove in (
            ("allow", "allowed", "disallow"),
            ("block", "blocked", "unblock"),
        ):

            def shown(show: str = show) -> list[dict[str, Any]]:
                value = sdk.do(Call(show)).value
                return value["data"] if isinstance(value, dict) else value

            made = [sdk.do(Call(add, body={"identifier": one})).value for one in spellings]
            names = ["identifier", "identifierType" if sdk.fields else "identifier_type"]
            assert [tuple(one.get(name) for name in names if name in one) for one in made] == [
                tuple(value for name, value in zip(names, expected, strict=True) if name in one)
                for one, expected in zip(made, spellings.values(), strict=True)
            ]
            assert shown() == made[::-1]
            again = sdk.do(Call(add, body={"identifier": "ZOE@example.com"})).value
            assert again == Refused(422, "duplicate_record", "identifier")
            bad = sdk.do(Call(add, body={"identifier": "nobody"})).value
            assert bad == Refused(422, "form_param_format_invalid", "identifier")
            gone = sdk.do(Call(remove, made[0]["id"])).value
            assert (gone["id"], gone["deleted"]) == (made[0]["id"], True)
            assert sdk.do(Call(remove, made[0]["id"])).value == Refused(404, "resource_not_found")
            assert shown() == made[:0:-1]


@pytest.mark.parametrize("kind", ["python", JAVASCRIPT])
def test_settings_of_the_instance_are_kept(server: RunningServer, kind: str) -> None:
    """What is not given stays as it was; a bad value changes nothing."""
    with open_sdk(kind, server) as sdk:
        origins = ["https://app.example.com", "capacitor://localhost"]
        assert not sdk.do(Call("update_instance", body={"allowed_origins": origins})).value
        bad = {"support_email": "nobody", "allowed_origins": []}
        refused = sdk.do(Call("update_instance", body=bad)).value
        assert refused == Refused(422, "form_param_format_invalid", "support_email")
        instance = sdk.do(Call("instance")).value
        assert instance["allowedOrigins" if sdk.fields else "allowed_origins"] == origins
        first = sdk.do(Call("restrict", body={"allowlist": True})).value
        second = sdk.do(Call("restrict", body={"block_email_subaddresses": True})).value
        assert first["allowlist"] is second["allowlist"] is True
        assert second["blocklist"] is False


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


def test_a_picture_is_set_shown_and_taken_away(server: RunningServer) -> None:
    """Its address changes with it; the bytes are those that were sent."""
    with open_sdk("python", server) as sdk:
        user = sdk.do(Call("create")).value

        def path(user: dict[str, Any]) -> str:
            assert user["image_url"] == user["profile_image_url"]
            return user["image_url"].removeprefix(f"https://{server.keys().frontend_host}")

        drawn = httpx.get(server.base_url + path(user))
        assert drawn.headers["content-type"] == "image/svg+xml"
        file = {"file_name": "me.svg", "content": PNG, "content_type": "image/svg+xml"}
        pictured = sdk.do(Call("set_image", user["id"], {"file": file})).value
        assert (pictured["has_image"], path(pictured) != path(user)) == (True, True)
        sent = httpx.get(server.base_url + path(pictured))
        assert (sent.content, sent.headers["content-type"]) == (PNG, "image/png")
        assert sent.headers["x-content-type-options"] == "nosniff"
        script = {"file_name": "x.png", "content": b"<svg onload='alert(1)'/>"}
        refused = sdk.do(Call("set_image", user["id"], {"file": script})).value
        assert refused == Refused(422, "form_param_format_invalid", "file")
        bare = sdk.do(Call("delete_image", user["id"])).value
        assert (bare["has_image"], path(bare)) == (False, path(user))
        assert httpx.get(server.base_url + path(pictured)).status_code == 404
        assert httpx.get(f"{server.base_url}/avatars/../keys.json").status_code == 404


@pytest.mark.node
def test_the_javascript_client_sets_a_picture(server: RunningServer) -> None:
    """It sends multipart/form-data of its own making."""
    with open_sdk("javascript", server) as sdk:
        user_id = sdk.do(Call("create")).value["id"]
        body = {"file": {"$bytes": list(PNG), "type": "image/png"}}
        pictured = sdk.do(Call("set_image", user_id, body)).value
        assert pictured["has_image"] is True
        assert sdk.do(Call("delete_image", user_id)).value["has_image"] is False
