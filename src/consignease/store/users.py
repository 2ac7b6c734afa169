"""Users and their email addresses.

Uniqueness of what identifies a user is checked in the unit of work and backed
by unique indexes: an insert that meets one touches no row.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from consignease.domain import identifiers
from consignease.domain.faults import Conflict
from consignease.domain.users import EmailAddress, User, Values
from consignease.store import user_search
from consignease.store.tx import Tx
from consignease.wire.ids import EmailAddressId

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
    if name in {"banned", "locked", "bypass_client_trust"} or name.endswith("_enabled")
)

_SEARCHED = frozenset({"username", "first_name", "last_name"})

EMAIL_COLUMNS = "id, email_address, status, strategy, reserved, created_at, updated_at"

_GET = f'SELECT {COLUMNS} FROM "user" u WHERE u.instance = ? AND u.id = ?'
_EMAILS = f"""
SELECT {EMAIL_COLUMNS} FROM email_address WHERE instance = ? AND user_id = ? ORDER BY position
"""
_INSERT = f"""
INSERT INTO "user" (instance, username_key, {", ".join(_COLUMNS)})
VALUES (:instance, :username_key, {", ".join(":" + name for name in _COLUMNS)})
ON CONFLICT DO NOTHING
"""
_INSERT_EMAIL = """
INSERT INTO email_address (instance, id, user_id, position, email_address, email_key, status,
                           strategy, reserved, created_at, updated_at)
VALUES (:instance, :id, :user_id, :position, :email_address, :email_key, :status, :strategy,
        :reserved, :created_at, :updated_at)
ON CONFLICT DO NOTHING
"""
_BY_USERNAME = 'SELECT id FROM "user" WHERE instance = ? AND username_key = ?'
_BY_EXTERNAL_ID = 'SELECT id FROM "user" WHERE instance = ? AND external_id = ?'
_REPLACE_DIGEST = """
UPDATE "user" SET password_digest = ? WHERE instance = ? AND id = ? AND password_digest = ?
"""
_OWNER = "SELECT user_id FROM email_address WHERE instance = ? AND id = ?"
_DELETE_EMAIL = "DELETE FROM email_address WHERE instance = ? AND id = ?"
_UPDATE_EMAIL = """
UPDATE email_address SET position = ?, status = ?, strategy = ?, reserved = ?, updated_at = ?
WHERE instance = ? AND id = ?
"""
_DELETE_EMAILS = "DELETE FROM email_address WHERE instance = ? AND user_id = ?"
_DELETE = 'DELETE FROM "user" WHERE instance = ? AND id = ?'


def get(tx: Tx, instance: int, user_id: str) -> User | None:
    """Return a user, or None."""
    row = tx.one(_GET, (instance, user_id))
    if row is None:
        return None
    return load(row, tx.all(_EMAILS, (instance, user_id)))


def load(row: Any, emails: Iterable[Any]) -> User:
    """Make a user of its row and the rows of its email addresses."""
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=False))
    for name in _FLAGS:
        values[name] = values[name] == 1
    return User(**values, emails=tuple(map(load_email, emails)))


def load_email(row: Any) -> EmailAddress:
    """Make an email address of its row in the order of `EMAIL_COLUMNS`."""
    email_id, address, status, strategy, reserved, created_at, updated_at = row
    return EmailAddress(
        id=EmailAddressId(email_id),
        email_address=address,
        status=status,
        strategy=strategy,
        reserved=reserved == 1,
        created_at=created_at,
        updated_at=updated_at,
    )


def insert(tx: Tx, instance: int, user: User) -> None:
    """Add a user.

    Raises:
        Conflict: another user has its username, external id or an email address.
    """
    if tx.run(_INSERT, _params(instance, user)) == 0:
        _check_unique(tx, instance, user)
        msg = "The user exists already."
        raise Conflict(msg, param="id")
    for position, email in enumerate(user.emails):
        _insert_email(tx, instance, user, position, email)
    user_search.insert(tx, instance, user)


def _insert_email(tx: Tx, instance: int, user: User, position: int, email: EmailAddress) -> None:
    values = msgspec.structs.asdict(email) | {
        "instance": instance,
        "user_id": user.id,
        "position": position,
        "email_key": identifiers.email_key(email.email_address),
    }
    if tx.run(_INSERT_EMAIL, values) == 0:
        raise _taken("email_address")


def update(tx: Tx, instance: int, old: User, new: User) -> None:
    """Write what has changed of a user and of its email addresses.

    Raises:
        Conflict: another user has its new username, external id or email address.
    """
    if old.emails is not new.emails:
        _update_emails(tx, instance, old, new)
    names = [name for name in _COLUMNS if getattr(old, name) is not getattr(new, name)]
    values: list[object] = [getattr(new, name) for name in names]
    if "username" in names or "external_id" in names:
        _check_unique(tx, instance, new)
        names.append("username_key")
        values.append(_username_key(new))
    tx.run(_update_sql(tuple(names)), (*values, instance, new.id))
    if not _SEARCHED.isdisjoint(names) or old.emails is not new.emails:
        user_search.update(tx, instance, old, new)


def _update_emails(tx: Tx, instance: int, old: User, new: User) -> None:
    kept = {email.id for email in new.emails}
    before = {email.id: (position, email) for position, email in enumerate(old.emails)}
    for email_id in before:
        if email_id not in kept:
            tx.run(_DELETE_EMAIL, (instance, email_id))
    for position, email in enumerate(new.emails):
        if email.id not in before:
            _insert_email(tx, instance, new, position, email)
        elif before[email.id] != (position, email):
            state = (email.status, email.strategy, email.reserved, email.updated_at)
            tx.run(_UPDATE_EMAIL, (position, *state, instance, email.id))


def replace_digest(tx: Tx, instance: int, user_id: str, old: str, new: str) -> None:
    """Replace the digest of a user's password, if it is still the old one."""
    tx.run(_REPLACE_DIGEST, (new, instance, user_id, old))


def owner_of_email(tx: Tx, instance: int, email_id: str) -> str | None:
    """Return the id of the user that an email address belongs to, or None."""
    row = tx.one(_OWNER, (instance, email_id))
    return None if row is None else row[0]


@lru_cache(maxsize=512)
def _update_sql(names: tuple[str, ...]) -> str:
    # Only what has changed: a column that is set costs every index it is in.
    changes = ", ".join(f"{name} = ?" for name in names)
    return f'UPDATE "user" SET {changes} WHERE instance = ? AND id = ?'


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Remove a user and its email addresses."""
    user_search.delete(tx, instance, user_id)
    tx.run(_DELETE_EMAILS, (instance, user_id))
    tx.run(_DELETE, (instance, user_id))


def _params(instance: int, user: User) -> dict[str, object]:
    params = msgspec.structs.asdict(user)
    params["instance"] = instance
    params["username_key"] = _username_key(user)
    return params


def _username_key(user: User) -> str | None:
    return user.username and identifiers.username_key(user.username)


def _check_unique(tx: Tx, instance: int, user: User) -> None:
    if user.username is not None:
        row = tx.one(_BY_USERNAME, (instance, identifiers.username_key(user.username)))
        if row is not None and row[0] != user.id:
            raise _taken("username")
    if user.external_id is not None:
        row = tx.one(_BY_EXTERNAL_ID, (instance, user.external_id))
        if row is not None and row[0] != user.id:
            raise _taken("external_id")


_WORDS = {
    "email_address": "email address",
    "username": "username",
    "external_id": "external ID",
}


def _taken(param: str) -> Conflict:
    return Conflict(
        f"That {_WORDS[param]} is taken. Please try another.",
        code="form_identifier_exists",
        param=param,
    )
