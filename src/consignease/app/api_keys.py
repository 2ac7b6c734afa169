"""The verbs of API keys; making and revoking one leaves a line in the audit log."""

from typing import Any

import msgspec

from consignease.app.admins import Entry, note
from consignease.domain.access import Caller
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash
from consignease.store import api_keys as store
from consignease.store import instances
from consignease.store.tx import Tx


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an API key; the key itself is not."""

    id: str
    name: str
    scopes: list[str]
    last4: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be: checked, and everything random made before.

    Attributes:
        id: Its identifier.
        key: The key in clear; only its hash is stored.
        name: What its makers call it.
        scopes: What it is for.
        expires_at: When it ends, in milliseconds; None if it does not.
    """

    id: str
    key: str
    name: str
    scopes: frozenset[str]
    expires_at: int | None = None


def _read(row: Any) -> ApiKey:
    values = dict(row)
    return ApiKey(**{**values, "scopes": values["scopes"].split()})


def create(tx: Tx, instance: Instance, new: NewKey, entry: Entry) -> ApiKey:
    """Add a key."""
    store.add(
        tx,
        {
            "hash": key_hash(new.key),
            "id": new.id,
            "instance": instance.no,
            "name": new.name,
            "scopes": " ".join(sorted(new.scopes)),
            "last4": new.key[-4:],
            "created_at": entry.at,
            "expires_at": new.expires_at,
        },
    )
    note(tx, entry)
    return _read(store.get(tx, instance.no, new.id))


def every(tx: Tx, instance: Instance) -> list[ApiKey]:
    """Return an instance's keys, revoked and ended ones too, oldest first."""
    return [_read(row) for row in store.of_instance(tx, instance.no)]


def revoke(tx: Tx, instance: Instance, id: str, entry: Entry) -> None:  # noqa: A002 - the member's name
    """Revoke a key: requests that carry it are refused from now on.

    Raises:
        NotFound: there is no such key, or it is revoked already.
    """
    if not store.revoke(tx, instance.no, id, entry.at):
        msg = f"There is no API key {id}, or it is revoked already."
        raise NotFound(msg, code="not_found")
    note(tx, entry)


def caller(tx: Tx, key: str, now: int) -> Caller | None:
    """Return whom a key belongs to; None if it is not, or no longer, one."""
    row = store.live(tx, key_hash(key), now)
    if row is None:
        return None
    return Caller(
        instance=instances.by_number(tx, row["instance"]),
        mark=row["id"],
        name=f"API key {row['name']}",
        scopes=frozenset(row["scopes"].split()),
        expires_at=row["expires_at"],
    )


def used(tx: Tx, uses: list[tuple[str, int]]) -> None:
    """Note when keys were last used: identifier and milliseconds of each."""
    store.used(tx, uses)
