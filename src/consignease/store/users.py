"""Users.

Uniqueness of what identifies a user is checked in the unit of work and backed
by unique indexes: an insert that meets one touches no row.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

from functools import lru_cache
from typing import Any

import msgspec

from consignease.domain import identifiers, users
from consignease.domain.faults import Conflict
from consignease.domain.identifications import (
    EMAIL,
    KINDS,
    PHONE,
    EmailAddress,
    Kind,
    PhoneNumber,
)
from consignease.domain.users import User, Values
from consignease.store import identifications, user_search
from consignease.store.tx import Tx

_COLUMNS = (
    "id",
    "created_at",
    "updated_at",
    *(name for name in Values.__struct_fields__),
)
COLUMNS = ", ".join(f"u.{name}" for name in _COLUMNS)
"""What `load` expects of a row, for the table alias ``u``."""

_FLAGS = tuple(
    name
    for name in _COLUMNS
    if name in {"banned", "locked", "bypass_client_trust", "password_compromised"}
    or name.endswith("_enabled")
)

_SEARCHED = frozenset({"username", "first_name", "last_name"})
_IDENTIFYING = frozenset(
    {"username", "external_id", "primary_email_address_id", "primary_phone_number_id"}
)
_DERIVED = ("username_key", "primary_email_key", "primary_phone_number")

_GET = f'SELECT {COLUMNS} FROM "user" u WHERE u.instance = ? AND u.id = ? /* writing: FOR UPDATE OF u */'
_INSERT = f"""
INSERT INTO "user" (instance, {", ".join(_DERIVED + _COLUMNS)})
VALUES (:instance, {", ".join(":" + name for name in _DERIVED + _COLUMNS)})
ON CONFLICT DO NOTHING
"""
_BY_USERNAME = 'SELECT id FROM "user" WHERE instance = ? AND username_key = ?'
_BY_EXTERNAL_ID = 'SELECT id FROM "user" WHERE instance = ? AND external_id = ?'
_REPLACE_DIGEST = """
UPDATE "user" SET password_digest = ? WHERE instance = ? AND id = ? AND password_digest = ?
"""
_DELETE = 'DELETE FROM "user" WHERE instance = ? AND id = ?'


def get(tx: Tx, instance: int, user_id: str) -> User | None:
    """Return a user, or None."""
    row = tx.one(_GET, (instance, user_id))
    if row is None:
        return None
    emails = identifications.of_user(tx, instance, EMAIL, user_id)
    return load(row, emails, identifications.of_user(tx, instance, PHONE, user_id))


def load(row: Any, emails: tuple[EmailAddress, ...], phones: tuple[PhoneNumber, ...]) -> User:
    """Make a user of its row and its identifications."""
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=False))
    for name in _FLAGS:
        values[name] = values[name] == 1
    return User(**values, emails=emails, phones=phones)


def insert(tx: Tx, instance: int, user: User) -> None:
    """Add a user.

    Raises:
        Conflict: another user has its username, external id or an identification.
    """
    values = msgspec.structs.asdict(user) | {"instance": instance} | _derived(user)
    if tx.run(_INSERT, values) == 0:
        _check_unique(tx, instance, user)
        msg = "The user exists already."
        raise Conflict(msg, param="id")
    for kind in KINDS:
        identifications.insert(tx, instance, kind, user)
    user_search.insert(tx, instance, user)


def update(tx: Tx, instance: int, old: User, new: User) -> None:
    """Write what has changed of a user and of its identifications.

    Raises:
        Conflict: another user has its new username, external id or identification.
    """
    same = old.emails is new.emails and old.phones is new.phones
    if not same:
        for kind in KINDS:
            identifications.update(tx, instance, kind, old, new)
    names = [name for name in _COLUMNS if getattr(old, name) is not getattr(new, name)]
    values: list[object] = [getattr(new, name) for name in names]
    if not _IDENTIFYING.isdisjoint(names):
        _check_unique(tx, instance, new)
        names += _DERIVED
        values += _derived(new).values()
    tx.run(_update_sql(tuple(names)), (*values, instance, new.id))
    if not same or not _SEARCHED.isdisjoint(names):
        user_search.update(tx, instance, old, new)


def replace_digest(tx: Tx, instance: int, user_id: str, old: str, new: str) -> None:
    """Replace the digest of a user's password, if it is still the old one."""
    tx.run(_REPLACE_DIGEST, (new, instance, user_id, old))


@lru_cache(maxsize=512)
def _update_sql(names: tuple[str, ...]) -> str:
    # Only what has changed: a column that is set costs every index it is in.
    changes = ", ".join(f"{name} = ?" for name in names)
    return f'UPDATE "user" SET {changes} WHERE instance = ? AND id = ?'


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Remove a user and its identifications."""
    user_search.delete(tx, instance, user_id)
    for kind in KINDS:
        identifications.delete(tx, instance, kind, user_id)
    tx.run(_DELETE, (instance, user_id))


def _derived(user: User) -> dict[str, str | None]:
    """Return what users are compared and ordered by, in the order of `_DERIVED`."""
    email = _primary(user, EMAIL)
    return {
        "username_key": user.username and identifiers.username_key(user.username),
        "primary_email_key": email and identifiers.email_key(email),
        "primary_phone_number": _primary(user, PHONE),
    }


def _primary(user: User, kind: Kind) -> str | None:
    chosen = users.primary_id(user, kind)
    return next((one.value for one in users.identifications(user, kind) if one.id == chosen), None)


def _check_unique(tx: Tx, instance: int, user: User) -> None:
    if user.username is not None:
        row = tx.one(_BY_USERNAME, (instance, identifiers.username_key(user.username)))
        if row is not None and row[0] != user.id:
            raise identifications.taken("username", "username")
    if user.external_id is not None:
        row = tx.one(_BY_EXTERNAL_ID, (instance, user.external_id))
        if row is not None and row[0] != user.id:
            raise identifications.taken("external_id", "external ID")
