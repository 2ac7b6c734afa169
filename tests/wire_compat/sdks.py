"""The two official clients of the Backend API behind one face, which the model speaks to."""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import clerk_backend_api
from clerk_backend_api import models

from tests.helpers.js import Script
from tests.wire_compat.model import Answer, Call, Refused, now_ms

_UNDESCRIBED: dict[str, set[int]] = {
    "count": {401},
    "verify_password": {404, 422},
    **{verb: {404} for verb in ("ban", "unban", "bulk_ban", "bulk_unban", "lock", "unlock")},
    **{verb: {404} for verb in ("disable_mfa", "delete_totp", "delete_backup_codes")},
    **{verb: {404} for verb in ("memberships", "invitations", "email_get", "email_delete")},
    "email_update": {422},
    "phone_update": {422},
    "verify_totp": {404, 422},
    "set_image": {422},
    **{verb: {404} for verb in ("phone_get", "phone_delete", "set_image_404")},
}


class PythonSdk:
    """clerk-backend-api, which keeps every member of the answer."""

    fields: frozenset[str] | None = None

    def __init__(self, clerk: clerk_backend_api.Clerk) -> None:
        users, emails, phones = clerk.users, clerk.email_addresses, clerk.phone_numbers
        allowed, blocked = clerk.allowlist_identifiers, clerk.blocklist_identifiers
        instance = clerk.instance_settings
        self._verbs: dict[str, Callable[[Call], Any]] = {
            "create": lambda call: users.create(**call.body),
            "get": lambda call: users.get(user_id=call.user_id),
            "list": lambda call: users.list(request=call.body),
            "count": lambda call: users.count(request=call.body),
            "update": lambda call: users.update(user_id=call.user_id, **call.body),
            "merge": lambda call: users.update_metadata(user_id=call.user_id, **call.body),
            "replace": lambda call: users.replace_metadata(user_id=call.user_id, **call.body),
            "delete": lambda call: users.delete(user_id=call.user_id),
            "ban": lambda call: users.ban(user_id=call.user_id),
            "unban": lambda call: users.unban(user_id=call.user_id),
            "bulk_ban": lambda call: users.bulk_ban(**call.body),
            "bulk_unban": lambda call: users.bulk_unban(**call.body),
            "lock": lambda call: users.lock(user_id=call.user_id),
            "unlock": lambda call: users.unlock(user_id=call.user_id),
            "remove_password": lambda call: users.remove_password(user_id=call.user_id),
            "verify_password": lambda call: users.verify_password(**call.body),
            "disable_mfa": lambda call: users.disable_mfa(user_id=call.user_id),
            "delete_totp": lambda call: users.delete_totp(user_id=call.user_id),
            "delete_backup_codes": lambda call: users.delete_backup_codes(user_id=call.user_id),
            "memberships": lambda call: users.get_organization_memberships(**call.body),
            "invitations": lambda call: users.get_organization_invitations(**call.body),
            "email_create": lambda call: emails.create(request=call.body),
            "email_get": lambda call: emails.get(email_address_id=call.user_id),
            "email_update": lambda call: emails.update(email_address_id=call.user_id, **call.body),
            "email_delete": lambda call: emails.delete(email_address_id=call.user_id),
            "email_replace": lambda call: emails.replace_for_user(
                user_id=call.user_id, **call.body
            ),
            "phone_create": lambda call: phones.create(request=call.body),
            "phone_get": lambda call: phones.get(phone_number_id=call.user_id),
            "phone_update": lambda call: phones.update(phone_number_id=call.user_id, **call.body),
            "phone_delete": lambda call: phones.delete(phone_number_id=call.user_id),
            "phone_replace": lambda call: phones.replace_for_user(
                user_id=call.user_id, **call.body
            ),
            "verify_totp": lambda call: users.verify_totp(**call.body),
            "set_compromised": lambda call: users.set_password_compromised(user_id=call.user_id),
            "unset_compromised": lambda call: users.unset_password_compromised(
                user_id=call.user_id
            ),
            "set_image": lambda call: users.set_profile_image(user_id=call.user_id, **call.body),
            "delete_image": lambda call: users.delete_profile_image(user_id=call.user_id),
            "allow": lambda call: allowed.create(request=call.body),
            "allowed": lambda call: allowed.list(**call.body),
            "disallow": lambda call: allowed.delete(identifier_id=call.user_id),
            "block": lambda call: blocked.create(request=call.body),
            "blocked": lambda _: blocked.list(),
            "unblock": lambda call: blocked.delete(identifier_id=call.user_id),
            "instance": lambda _: instance.get(),
            "update_instance": lambda call: instance.update(request=call.body),
            "restrict": lambda call: instance.update_restrictions(request=call.body),
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
            # Its description of these calls leaves these refusals out.
            assert error.status_code in _UNDESCRIBED[call.verb], error  # noqa: PT017
            (one,) = json.loads(error.body)["errors"]
            value = Refused(error.status_code, one["code"], one["meta"].get("param_name"))
        return Answer(value, began, now_ms())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if value is None:
        return None
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
        "ban": "banUser",
        "unban": "unbanUser",
        "lock": "lockUser",
        "unlock": "unlockUser",
        "remove_password": "removePassword",
        "verify_password": "verifyPassword",
        "disable_mfa": "disableUserMFA",
        "delete_totp": "deleteUserTOTP",
        "delete_backup_codes": "deleteUserBackupCodes",
        "set_image": "updateUserProfileImage",
        "delete_image": "deleteUserProfileImage",
        "memberships": "getOrganizationMembershipList",
        "invitations": "getOrganizationInvitationList",
        "email_create": "emailAddresses.createEmailAddress",
        "email_get": "emailAddresses.getEmailAddress",
        "email_update": "emailAddresses.updateEmailAddress",
        "email_delete": "emailAddresses.deleteEmailAddress",
        "email_replace": "replaceUserEmailAddress",
        "phone_create": "phoneNumbers.createPhoneNumber",
        "phone_get": "phoneNumbers.getPhoneNumber",
        "phone_update": "phoneNumbers.updatePhoneNumber",
        "phone_delete": "phoneNumbers.deletePhoneNumber",
        "phone_replace": "replaceUserPhoneNumber",
        "verify_totp": "verifyTOTP",
        "set_compromised": "setPasswordCompromised",
        "unset_compromised": "unsetPasswordCompromised",
        "allow": "allowlistIdentifiers.createAllowlistIdentifier",
        "allowed": "allowlistIdentifiers.getAllowlistIdentifierList",
        "disallow": "allowlistIdentifiers.deleteAllowlistIdentifier",
        "block": "blocklistIdentifiers.createBlocklistIdentifier",
        "blocked": "blocklistIdentifiers.getBlocklistIdentifierList",
        "unblock": "blocklistIdentifiers.deleteBlocklistIdentifier",
        "instance": "instance.get",
        "update_instance": "instance.update",
        "restrict": "instance.updateRestrictions",
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
        if call.verb == "count" or value is None:
            return value
        if call.verb == "list":
            self.total = value["totalCount"]
            return [_user(one) for one in value["data"]]
        if call.verb in {"delete", "email_delete", "phone_delete", "disallow", "unblock"}:
            assert value.pop("slug") is None
            return value
        if call.verb.startswith(("email_", "phone_")):
            return _identification(value)
        if value.get("data") == []:
            return {"data": [], "total_count": value["totalCount"]}
        return _user(value) if "emailAddresses" in value else value


def _user(value: dict[str, Any]) -> dict[str, Any]:
    """Put a user's own members, and its email addresses', into the wire's spelling."""
    user = {_wire(name): one for name, one in value.items()}
    assert user.pop("timezone") is None
    for many in ("email_addresses", "phone_numbers"):
        user[many] = [_identification(one) for one in user[many]]
    return user


def _identification(value: dict[str, Any]) -> dict[str, Any]:
    made = {_wire(name): one for name, one in value.items()}
    parts = {_wire(name): one for name, one in made["verification"].items()}
    absent = ("external_verification_redirect_u_r_l", "nonce", "message")
    assert [parts.pop(name) for name in absent] == [None] * 3
    made["verification"] = parts
    return made


def _camel(name: str) -> str:
    special = {"primary_email_address_id": "primaryEmailAddressID"}
    return special.get(name) or re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _wire(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
