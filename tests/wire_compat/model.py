"""What every call on users must answer, in plain Python, and random sequences of such calls."""

import random
import time
from typing import Any, NamedTuple

from tests.api.test_backend_users import email_like, user_like
from tests.api.test_backend_users_model import merged, same

METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")
NOBODY = "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"


class Call(NamedTuple):
    """One call: a verb, whom it is about, and its body or query in the wire's spelling."""

    verb: str
    user_id: str = ""
    body: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default, never changed


class Refused(NamedTuple):
    """A refusal: what the client says of it, or what the model expects."""

    status: int
    code: str
    param: str | None = None


class Answer(NamedTuple):
    """What a client made of an answer, in the wire's spelling, and when it was asked for."""

    value: Any
    began: int
    ended: int


class Model:
    """Every user that must be there, whole, by id."""

    def __init__(self, frontend_host: str) -> None:
        self.frontend_host = frontend_host
        self.users: dict[str, dict[str, Any]] = {}

    def check(self, call: Call, answer: Answer, fields: frozenset[str] | None = None) -> bool:
        """Compare an answer with what it must be; tell whether it is a refusal.

        Args:
            call: What was asked.
            answer: What came.
            fields: The members of a user that the client keeps; None for all.
        """
        refusals = self._refusals(call)
        if refusals:
            assert isinstance(answer.value, Refused), (call, answer.value, refusals)
            assert answer.value in refusals, (call, answer.value, refusals)
            return True
        assert not isinstance(answer.value, Refused), (call, answer.value)
        expected = getattr(self, f"_{call.verb}")(call, answer)
        shown = narrow(expected, fields) if fields else expected
        assert same(shown, answer.value), (call, shown, answer.value)
        return False

    def _create(self, call: Call, answer: Answer) -> dict[str, Any]:
        user, body = answer.value, call.body
        now, made = self._moment(user["updated_at"], answer), user["email_addresses"]
        assert user["id"] not in self.users
        picture = f"https://{self.frontend_host}/avatars/{user['id']}"
        addresses = body.get("email_address", [])
        statuses = body.get("email_address_identification_status", ["verified"] * len(addresses))
        emails = [
            email_as(made[at]["id"], address, status, now)
            for at, (address, status) in enumerate(zip(addresses, statuses, strict=True))
        ]
        assert len({one["id"] for one in emails}) == len(made)
        new = user_like(user["id"], image_url=picture, profile_image_url=picture)
        new |= {"created_at": now, "updated_at": now}
        new |= {"email_addresses": emails, "banned": bool(body.get("banned"))}
        new["primary_email_address_id"] = emails[0]["id"] if emails else None
        self.users[user["id"]] = _changed(new, body, now)
        return self.users[user["id"]]

    def _get(self, call: Call, _: Answer) -> dict[str, Any]:
        return self.users[call.user_id]

    def _list(self, call: Call, _: Answer) -> list[dict[str, Any]]:
        order = call.body.get("order_by", "-created_at")
        found = self.matching(call.body)
        found.sort(key=lambda user: (user[order.lstrip("+-")], user["id"]))
        if order[0] == "-":
            found.reverse()
        start = call.body.get("offset", 0)
        return found[start : start + call.body.get("limit", 10)]

    def _count(self, call: Call, _: Answer) -> int:
        return len(self.matching(call.body))

    def _update(self, call: Call, answer: Answer) -> dict[str, Any]:
        now = answer.value["updated_at"]
        return self._save(_changed(self.users[call.user_id], call.body, now), now, answer)

    def _merge(self, call: Call, answer: Answer) -> dict[str, Any]:
        user = self.users[call.user_id]
        new = {name: merged(user[name], part) for name, part in call.body.items()}
        return self._save(user | new, answer.value["updated_at"], answer)

    def _replace(self, call: Call, answer: Answer) -> dict[str, Any]:
        user = self.users[call.user_id]
        return self._save(user | call.body, answer.value["updated_at"], answer)

    def _delete(self, call: Call, _: Answer) -> dict[str, Any]:
        gone = self.users.pop(call.user_id)
        left = {"object": "user", "id": call.user_id, "deleted": True}
        return left | ({"external_id": gone["external_id"]} if gone["external_id"] else {})

    def _save(self, new: dict[str, Any], now: int, answer: Answer) -> dict[str, Any]:
        if not same(new, self.users[new["id"]]):
            self.users[new["id"]] = new | {"updated_at": self._moment(now, answer)}
        return self.users[new["id"]]

    def _moment(self, now: int, answer: Answer) -> int:
        assert answer.began <= now <= answer.ended
        return now

    def matching(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the users that every filter of a query lets through."""

        def holds(user: dict[str, Any], name: str, wanted: list[str]) -> bool:
            if name in {"email_address", "username"}:
                emails = [one["email_address"] for one in user["email_addresses"]]
                mine = emails if name == "email_address" else [user["username"] or ""]
                return bool({one.lower() for one in mine} & {one.lower() for one in wanted})
            mine = user[name.removeprefix("user_")]
            yes = {one.lstrip("+") for one in wanted if one[0] != "-"}
            no = {one[1:] for one in wanted if one[0] == "-"}
            return (not yes or mine in yes) and mine not in no

        filters = {name: value for name, value in query.items() if isinstance(value, list)}
        return [
            user
            for user in self.users.values()
            if all(holds(user, name, wanted) for name, wanted in filters.items())
        ]

    def _refusals(self, call: Call) -> set[Refused]:
        """Every refusal that would be right; none when the call must succeed."""
        unknown = call.user_id and call.user_id not in self.users
        missing = {Refused(404, "resource_not_found")} if unknown else set()
        return _malformed(call) or missing or self._misplaced(call) or self._taken(call)

    def _misplaced(self, call: Call) -> set[Refused]:
        wanted = call.body.get("primary_email_address_id")
        user = self.users.get(call.user_id, {})
        if wanted in {None, user.get("primary_email_address_id")}:
            return set()
        for email in user["email_addresses"]:
            if email["id"] == wanted and email["verification"]["status"] == "verified":
                return set()
        return {Refused(422, "form_param_value_invalid", "primary_email_address_id")}

    def _taken(self, call: Call) -> set[Refused]:
        if call.verb not in {"create", "update"}:
            return set()
        others = [user for user_id, user in self.users.items() if user_id != call.user_id]
        theirs = {
            "username": [(user["username"] or "").lower() for user in others],
            "external_id": [user["external_id"] for user in others],
            "email_address": [
                one["email_address"].lower() for user in others for one in user["email_addresses"]
            ],
        }
        mine = {
            "username": [(call.body.get("username") or "").lower()],
            "external_id": [call.body.get("external_id")],
            "email_address": [one.lower() for one in call.body.get("email_address", [])],
        }
        taken = [
            name
            for name, values in mine.items()
            if {value for value in values if value} & set(theirs[name])
            or len(set(values)) < len(values)
        ]
        return {Refused(422, "form_identifier_exists", name) for name in taken}


def narrow(expected: Any, fields: frozenset[str]) -> Any:
    """What a client that keeps only some members shows of users, one or several."""
    if isinstance(expected, list):
        return [narrow(user, fields) for user in expected]
    if not isinstance(expected, dict):
        return expected
    if "deleted" in expected:
        return {name: expected[name] for name in ("object", "id", "deleted")}
    shown = {name: expected[name] for name in fields}
    for many in ("email_addresses", "phone_numbers"):
        shown[many] = [narrow_identification(one) for one in expected[many]]
    return shown


def narrow_identification(one: dict[str, Any]) -> dict[str, Any]:
    """What @clerk/backend shows of an email address or a phone number."""
    kept = ["id", one["object"], "linked_to"]
    if one["object"] == "phone_number":
        kept += ["reserved_for_second_factor", "default_second_factor"]
    parts = ("status", "strategy", "attempts", "expire_at")
    verification = {name: one["verification"][name] for name in parts}
    return {name: one[name] for name in kept} | {"verification": verification}


def identification_as(kind: str, new_id: str, value: str, status: str, now: int) -> dict[str, Any]:
    """The whole of an email address or phone number that a call has made."""
    if kind == "email_address":
        return email_as(new_id, value, status, now)
    made = email_as(new_id, value, status, now)
    del made["email_address"], made["matches_sso_connection"]
    if made["verification"]["strategy"] == "email_code":
        made["verification"]["strategy"] = "phone_code"
    return made | {
        "object": kind,
        "phone_number": value,
        "reserved_for_second_factor": False,
        "default_second_factor": False,
        "backup_codes": None,
    }


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def email_as(email_id: str, address: str, status: str, now: int) -> dict[str, Any]:
    made = email_like(email_id, address, created_at=now, updated_at=now)
    if status != "verified":
        otp = {"object": "verification_otp", "status": "unverified", "strategy": "email_code"}
        made |= {"reserved": status == "reserved", "verification": made["verification"] | otp}
    return made


def _changed(user: dict[str, Any], body: dict[str, Any], now: int) -> dict[str, Any]:
    """Apply what is given of a profile."""
    new = dict(user)
    names = ("first_name", "last_name", "locale", *METADATA)
    new |= {name: body[name] for name in names if name in body}
    new |= {name: body[name] or None for name in ("username", "external_id") if name in body}
    given = ("delete_self_enabled", "primary_email_address_id")
    new |= {name: body[name] for name in given if body.get(name) is not None}
    if body.get("password"):
        new |= {"password_enabled": True, "password_last_updated_at": now}
    return new


def _malformed(call: Call) -> set[Refused]:  # noqa: C901 - one branch for each refusal
    """The refusals of what is wrong in itself, whatever users there are."""
    body, wrong = call.body, list[Refused]()
    for at in body.get("email_address", []) if call.verb == "create" else []:
        if "@" not in at:
            wrong.append(Refused(422, "form_param_format_invalid", "email_address"))
    statuses = body.get("email_address_identification_status")
    if statuses is not None and len(statuses) != len(body["email_address"]):
        name = "email_address_identification_status"
        wrong.append(Refused(422, "form_param_value_invalid", name))
    if body.get("password") and len(body["password"]) < 8:
        wrong.append(Refused(422, "form_password_length_too_short", "password"))
    if call.verb in {"create", "update"} and body.get("username"):
        if len(body["username"]) < 4:
            wrong.append(Refused(422, "form_username_invalid_length", "username"))
        elif " " in body["username"]:
            wrong.append(Refused(422, "form_username_invalid_character", "username"))
    if len(body.get("first_name") or "") > 256:
        wrong.append(Refused(422, "form_param_max_length_exceeded", "first_name"))
    for name in METADATA:
        if "__proto__" in str(body.get(name)):
            wrong.append(Refused(422, "form_param_value_invalid", name))
    if body.get("limit", 1) > 500:
        wrong.append(Refused(422, "form_param_value_invalid", "limit"))
    if body.get("order_by") == "-shoe_size":
        wrong.append(Refused(422, "form_param_value_invalid", "order_by"))
    return set(wrong)


class Calls:
    """Random calls, the same ones for the same seed and the same answers."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model = model
        self.dice = random.Random(seed)

    def next(self) -> Call:
        """Make the next call; of ten, about one is to be refused."""
        verbs = ("create", "get", "list", "count", "update", "merge", "replace", "delete")
        verb = self.dice.choices(verbs, (30, 10, 15, 8, 18, 12, 6, 5))[0]
        if verb in {"list", "count"}:
            return Call(verb, body=self._query(paged=verb == "list"))
        if verb == "create":
            return Call(verb, body=self._profile() | self._emails() | self._metadata())
        everyone = [*self.model.users, NOBODY] if self.dice.random() < 0.1 else None
        user_id = self.dice.choice(everyone or [*self.model.users] or [NOBODY])
        if verb in {"merge", "replace"}:
            return Call(verb, user_id, self._metadata(always=True))
        return Call(verb, user_id, self._update(user_id) if verb == "update" else {})

    def _some(self, choices: dict[str, Any], share: float) -> dict[str, Any]:
        return {
            name: self.dice.choice(values)
            for name, values in choices.items()
            if self.dice.random() < share
        }

    def _profile(self) -> dict[str, Any]:
        number = self.dice.randrange(60)
        long = "x" * (257 if self.dice.random() < 0.1 else 256)
        choices = {
            "first_name": ["Zoë", "", "👩‍👩‍👧 \u202e", "'; --", '\\"\n\t', "\x7f\u2028", long],
            "last_name": ["Ñandú", "李小龍", "</script>", "a\u0301", "null"],
            "locale": ["de", "zh-Hant"],
            "username": [f"user.{number}", f"USER.{number}", f"u_{number}-x", "abc", "a b c"],
            "external_id": [f"ext/{number}", "ext#1 ?&=é", ""],
            "delete_self_enabled": [True, False],
        }
        if self.dice.random() < 0.05:  # hashing takes its time
            choices["password"] = ["correct horse", "kurz"]
        return self._some(choices, 0.35)

    def _emails(self) -> dict[str, Any]:
        count = self.dice.randrange(3)
        names = [f"{self.dice.choice('mM')}{self.dice.randrange(400)}" for _ in range(count)]
        addresses = [f"{name}@example.com" for name in names]
        if self.dice.random() < 0.03:
            addresses.append("nobody")
        body: dict[str, Any] = {"email_address": addresses} if addresses else {}
        if addresses and self.dice.random() < 0.3:
            count = len(addresses) + (self.dice.random() < 0.1)
            statuses = self.dice.choices(["verified", "reserved"], k=count)
            body["email_address_identification_status"] = statuses
        return body | self._some({"banned": [True, False]}, 0.1)

    def _update(self, user_id: str) -> dict[str, Any]:
        body = self._profile()
        emails = self.model.users.get(user_id, {}).get("email_addresses", [])
        if emails and self.dice.random() < 0.3:
            body["primary_email_address_id"] = self.dice.choice(emails)["id"]
        elif self.dice.random() < 0.05:
            body["primary_email_address_id"] = "idn_2g7np7Hrk0SN6kj5EDMLDaKNL0S"
        return body

    def _metadata(self, *, always: bool = False) -> dict[str, Any]:
        names = [name for name in METADATA if self.dice.random() < 0.3]
        names = names or [METADATA[0]] * always
        return {name: self._object(3) for name in names}

    def _object(self, depth: int) -> dict[str, Any]:
        keys = ["a", "b", "10", "2", "02", "é", "", "camelCase", "snake_case", "constructor"]
        if self.dice.random() < 0.01:
            keys = ["__proto__"]
        names = self.dice.sample(keys, min(len(keys), self.dice.randrange(1, 4)))
        return {name: self._value(depth - 1) for name in names}

    def _value(self, depth: int) -> Any:
        plain = [None, True, False, 0, -1, 2**53 - 1, 0.5, 1e-6, 2.0, "x", "🎉", "\u2028", "__", []]
        kind = self.dice.randrange(6 if depth else 4)
        if kind == 4:
            return self._object(depth)
        if kind == 5:
            return [self._value(depth - 1) for _ in range(self.dice.randrange(3))]
        return self.dice.choice(plain)

    def _query(self, *, paged: bool) -> dict[str, Any]:
        users = [*self.model.users.values()] or [user_like(NOBODY)]
        some = self.dice.choices(users, k=self.dice.randrange(1, 6))
        emails = [one["email_address"].upper() for user in some for one in user["email_addresses"]]
        sign = self.dice.choice(["", "+", "-"])
        filters = {
            "user_id": [sign + user["id"] for user in some],
            "external_id": [sign + user["external_id"] for user in some if user["external_id"]],
            "username": [user["username"].upper() for user in some if user["username"]],
            "email_address": emails,
        }
        query = {name: values for name, values in filters.items() if values}
        query = {name: query[name] for name in query if self.dice.random() < 0.25}
        if not paged:
            return query
        orders = [
            f"{sign}{name}" for sign in ("+", "-", "") for name in ("created_at", "updated_at")
        ]
        paging = {
            "order_by": orders * 4 + ["-shoe_size"],
            "limit": [1, 2, 5, 100, 500, 501],
            "offset": [0, 1, 3, 1000],
        }
        return query | self._some(paging, 0.5)
