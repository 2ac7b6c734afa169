"""Users as POST /v1/users/import takes them, with their digests and second factors."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from consignease.domain.identifications import EMAIL, PHONE, Identification
from consignease.domain.instances import Instance
from consignease.domain.user_filter import Filter, Order, Page
from consignease.domain.users import METADATA, User, identifications, primary_id
from consignease.store import factors, user_lists
from consignease.store.tx import Tx

_PAGE = 500
_COPIED = (
    *("external_id", "username", "first_name", "last_name", "locale"),
    *("create_organizations_limit", "banned", "locked", "bypass_client_trust"),
)
_DEFAULT_TRUE = ("delete_self_enabled", "create_organization_enabled")

Open = Callable[[bytes, str], bytes]
"""Opens what is sealed for a row."""


def every(tx: Tx, instance: Instance, unseal: Open) -> Iterator[dict[str, Any]]:
    """Return every user, oldest first.

    Args:
        tx: The transaction.
        instance: Whose users.
        unseal: Opens their second factors.
    """
    after = ""
    while True:
        page = Page(Order("created_at", descending=False), _PAGE, 0, after)
        found = user_lists.page(tx, instance.no, Filter(), page)
        for user in found:
            yield _line(tx, instance, user, unseal)
        if len(found) < _PAGE:
            return
        after = found[-1].id


def _line(tx: Tx, instance: Instance, user: User, unseal: Open) -> dict[str, Any]:
    line: dict[str, Any] = {"id": user.id}
    line |= {name: value for name in _COPIED if (value := getattr(user, name))}
    line |= {name: False for name in _DEFAULT_TRUE if not getattr(user, name)}
    for kind in (EMAIL, PHONE):
        first = primary_id(user, kind)
        ordered = sorted(identifications(user, kind), key=lambda one: one.id != first)
        if ordered:
            line[kind.name] = [one.value for one in ordered]
            line[f"{kind.name}_identification_status"] = list(map(_status, ordered))
    if user.password_digest is not None:
        hasher, bar, digest = user.password_digest.partition("|")
        line["password_hasher"] = hasher if bar else "argon2id"
        line["password_digest"] = digest if bar else user.password_digest
    for name in METADATA:
        metadata = msgspec.json.decode(getattr(user, name))
        line |= {name: metadata} if metadata else {}
    for name in ("created_at", "legal_accepted_at"):
        at: int | None = getattr(user, name)
        if at is not None:
            line[name] = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    if user.totp_enabled or user.backup_code_enabled:
        line |= _factors(factors.get(tx, instance.no, user.id), user.id, unseal)
    return line


def _status(one: Identification) -> str:
    return "verified" if one.status == "verified" else "reserved"


def _factors(kept: factors.Kept, user_id: str, unseal: Open) -> dict[str, Any]:
    line: dict[str, Any] = {}
    if kept.totp is not None:
        line["totp_secret"] = base64.b32encode(unseal(kept.totp, f"totp {user_id}")).decode()
    if kept.codes is not None:
        codes = msgspec.json.decode(unseal(kept.codes, f"backup codes {user_id}"))
        line |= {"backup_codes": codes} if codes else {}
    return line
