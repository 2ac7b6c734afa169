"""The two official clients of the Backend API behind one face, which the model speaks to."""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import clerk_backend_api
from clerk_backend_api import models

from tests.helpers.js import Script
from tests.wire_compat.model import Answer, Call, Refused, now_ms


class PythonSdk:
    """clerk-backend-api, which keeps every member of the answer."""

    fields: frozenset[str] | None = None

    def __init__(self, clerk: clerk_backend_api.Clerk) -> None:
        users = clerk.users
        self._verbs: dict[str, Callable[[Call], Any]] = {
            "create": lambda call: users.create(**call.body),
            "get": lambda call: users.get(user_id=call.user_id),
            "list": lambda call: users.list(request=call.body),
            "count": lambda call: users.count(request=call.body),
            "update": lambda call: users.update(user_id=call.user_id, **call.body),
            "merge": lambda call: users.update_metadata(user_id=call.user_id, **call.body),
            "replace": lambda call: users.replace_metadata(user_id=call.user_id, **call.body),
            "delete": lambda call: users.delete(user_id=call.user_id),
        }

    def do(self, call: Call) -> Answer:
        """Make one call; what its models cannot parse raises."""
        began = now_ms()
        try:
            value = _plain(self._verbs[call.verb](call))
        except models.ClerkErrors as error:
            (one,) = error.data.errors
            param = (one.meta or {}).get("param_name")
            value = Refused(error.status_code, one.code, param)
        except models.SDKError as error:
            # Its description of this one call leaves 401 out.
            assert (call.verb, error.status_code) == ("count", 401), error  # noqa: PT017
            (one,) = json.loads(error.body)["errors"]
            value = Refused(error.status_code, one["code"], one["meta"].get("param_name"))
        return Answer(value, began, now_ms())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, models.TotalCount):
        return value.total_count
    return json.loads(value.model_dump_json(by_alias=True))


class JavaScriptSdk:
    """@clerk/backend, which spells its own way and drops some members."""

    fields = frozenset(
        {
            *("id", "external_id", "username", "first_name", "last_name", "locale"),
            *("public_metadata", "private_metadata", "unsafe_metadata"),
            *("primary_email_address_id", "primary_phone_number_id", "primary_web3_wallet_id"),
            *("email_addresses", "phone_numbers", "web3_wallets"),
            *("external_accounts", "enterprise_accounts"),
            *("password_enabled", "totp_enabled", "backup_code_enabled", "two_factor_enabled"),
            *("banned", "locked", "deprovisioned", "created_at", "updated_at"),
            *("last_sign_in_at", "last_active_at", "legal_accepted_at", "image_url", "has_image"),
            *("create_organization_enabled", "create_organizations_limit", "delete_self_enabled"),
        }
    )
    _METHODS: ClassVar = {
        "create": "createUser",
        "get": "getUser",
        "list": "getUserList",
        "count": "getCount",
        "update": "updateUser",
        "merge": "updateUserMetadata",
        "replace": "replaceUserMetadata",
        "delete": "deleteUser",
    }

    def __init__(self, script: Script) -> None:
        self._script = script
        self.total = 0
        """How many users the last list was a part of."""

    def do(self, call: Call) -> Answer:
        """Make one call; an answer that it cannot parse fails the test."""
        body = {_camel(name): value for name, value in call.body.items()}
        args = [call.user_id] if call.user_id else []
        args += [body] if body or not call.user_id else []
        began = now_ms()
        answer = self._script.ask({"method": self._METHODS[call.verb], "args": args})
        ended = now_ms()
        error = answer.get("error")
        if error is None:
            return Answer(self._snake(call, answer["ok"]), began, ended)
        (code,), (param,) = error["codes"], error["params"]
        assert len(error["trace"]) == 32, error
        return Answer(Refused(error["status"], code, param), began, ended)

    def _snake(self, call: Call, value: Any) -> Any:
        if call.verb == "count":
            return value
        if call.verb == "list":
            self.total = value["totalCount"]
            return [_user(one) for one in value["data"]]
        if call.verb == "delete":
            assert value.pop("slug") is None
            return value
        return _user(value)


def _user(value: dict[str, Any]) -> dict[str, Any]:
    """Put a user's own members, and its email addresses', into the wire's spelling."""
    user = {_wire(name): one for name, one in value.items()}
    assert user.pop("timezone") is None
    user["email_addresses"] = [
        {_wire(name): one for name, one in email.items()} for email in user["email_addresses"]
    ]
    for email in user["email_addresses"]:
        parts = {_wire(name): one for name, one in email["verification"].items()}
        absent = ("external_verification_redirect_u_r_l", "nonce", "message")
        assert [parts.pop(name) for name in absent] == [None] * 3
        email["verification"] = parts
    return user


def _camel(name: str) -> str:
    special = {"primary_email_address_id": "primaryEmailAddressID"}
    return special.get(name) or re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _wire(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
