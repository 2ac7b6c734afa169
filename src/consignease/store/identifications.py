"""Email addresses and phone numbers of users.

Both kinds have the same statements on a table each. That no two users have one
is backed by unique indexes: an insert that meets one touches no row.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from consignease.domain import identifiers
from consignease.domain.faults import Conflict
from consignease.domain.identifications import EMAIL, KINDS, Identification, Kind, PhoneNumber
from consignease.domain.users import User, identifications
from consignease.store.tx import Tx

_COMMON = "status, strategy, reserved, created_at, updated_at"
_FACTOR = ", second_factor, default_second_factor"


class _Statements(NamedTuple):
    columns: str
    get: str
    insert: str
    update: str
    delete: str
    delete_all: str
    owner: str


def _statements(kind: Kind) -> _Statements:
    is_email = kind is EMAIL
    columns = f"id, {kind.name}, {_COMMON}{'' if is_email else _FACTOR}"
    inserted = f"instance, user_id, position, {columns}{', email_key' if is_email else ''}"
    changes = "status = ?, strategy = ?, reserved = ?, updated_at = ?" + (
        "" if is_email else ", second_factor = ?, default_second_factor = ?"
    )
    one = "WHERE instance = ? AND id = ?"
    of_user = "WHERE instance = ? AND user_id = ?"
    return _Statements(
        columns=columns,
        get=f"SELECT {columns} FROM {kind.name} {of_user} ORDER BY position",
        insert=f"INSERT INTO {kind.name} ({inserted})"
        f" VALUES ({_marks(inserted.count(',') + 1)}) ON CONFLICT DO NOTHING",
        update=f"UPDATE {kind.name} SET position = ?, {changes} {one}",
        delete=f"DELETE FROM {kind.name} {one}",
        delete_all=f"DELETE FROM {kind.name} {of_user}",
        owner=f"SELECT user_id FROM {kind.name} {one}",
    )


def _marks(size: int) -> str:
    return ", ".join("?" * size)


_SQL = {kind.name: _statements(kind) for kind in KINDS}


def of_user(tx: Tx, instance: int, kind: Kind, user_id: str) -> tuple[Any, ...]:
    """Return a user's identifications of a kind."""
    rows = tx.all(_SQL[kind.name].get, (instance, user_id))
    return tuple(_load(kind, row) for row in rows) if rows else ()


def of_users(
    tx: Tx, instance: int, kind: Kind, user_ids: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    """Return the identifications of a kind of those users that have some."""
    found: dict[str, tuple[Any, ...]] = {}
    for user_id, *row in tx.all(_of_users(kind.name, len(user_ids)), (instance, *user_ids)):
        found[user_id] = (*found.get(user_id, ()), _load(kind, row))
    return found


@lru_cache(maxsize=32)
def _of_users(name: str, size: int) -> str:
    return (
        f"SELECT user_id, {_SQL[name].columns} FROM {name}"
        f" WHERE instance = ? AND user_id IN ({_marks(size)}) ORDER BY user_id, position"
    )


def owner(tx: Tx, instance: int, kind: Kind, wanted_id: str) -> str | None:
    """Return the id of the user that an identification belongs to, or None."""
    row = tx.one(_SQL[kind.name].owner, (instance, wanted_id))
    return None if row is None else row[0]


def insert(tx: Tx, instance: int, kind: Kind, user: User) -> None:
    """Write all of a new user's.

    Raises:
        Conflict: another user has one of them.
    """
    for position, one in enumerate(identifications(user, kind)):
        _insert(tx, instance, kind, user, position, one)


def update(tx: Tx, instance: int, kind: Kind, old: User, new: User) -> None:
    """Write what has changed.

    Raises:
        Conflict: another user has a new one.
    """
    sql = _SQL[kind.name]
    kept = {one.id for one in identifications(new, kind)}
    before = {one.id: (position, one) for position, one in enumerate(identifications(old, kind))}
    for old_id in before:
        if old_id not in kept:
            tx.run(sql.delete, (instance, old_id))
    for position, one in enumerate(identifications(new, kind)):
        if one.id not in before:
            _insert(tx, instance, kind, new, position, one)
        elif before[one.id] != (position, one):
            state = (one.status, one.strategy, one.reserved, one.updated_at, *_factor(one))
            tx.run(sql.update, (position, *state, instance, one.id))


def delete(tx: Tx, instance: int, kind: Kind, user_id: str) -> None:
    """Remove all of a user's."""
    tx.run(_SQL[kind.name].delete_all, (instance, user_id))


def _insert(
    tx: Tx, instance: int, kind: Kind, user: User, position: int, one: Identification
) -> None:
    values: Iterable[object] = (
        *(instance, user.id, position, one.id, one.value),
        *(one.status, one.strategy, one.reserved, one.created_at, one.updated_at),
        *((identifiers.email_key(one.value),) if kind is EMAIL else _factor(one)),
    )
    if tx.run(_SQL[kind.name].insert, tuple(values)) == 0:
        raise taken(kind.name, kind.words)


def taken(param: str, words: str) -> Conflict:
    """Make the refusal of what another user has."""
    return Conflict(
        f"That {words} is taken. Please try another.",
        code="form_identifier_exists",
        param=param,
    )


def _factor(one: Identification) -> tuple[bool, ...]:
    if isinstance(one, PhoneNumber):
        return one.second_factor, one.default_second_factor
    return ()


def _load(kind: Kind, row: Sequence[Any]) -> Identification:
    new_id, value, status, strategy, reserved, created_at, updated_at, *factor = row
    flags = {
        name: flag == 1
        for name, flag in zip(("second_factor", "default_second_factor"), factor, strict=False)
    }
    return kind.type(
        id=new_id,
        value=value,
        status=status,
        strategy=strategy,
        reserved=reserved == 1,
        created_at=created_at,
        updated_at=updated_at,
        **flags,
    )
