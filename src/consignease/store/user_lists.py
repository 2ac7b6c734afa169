"""Lists of users: filtered, ordered, in pages.

The text of a list's statement depends on which filters are given and on how
many values they have. Values are padded to few sizes and texts remembered, so
that the driver finds its prepared statement again.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

from functools import lru_cache
from typing import TypeVar

from consignease.domain.identifications import KINDS
from consignease.domain.user_filter import Filter, Order, Page
from consignease.domain.users import User
from consignease.store import identifications, user_search, users
from consignease.store.tx import Tx

T = TypeVar("T")

Shape = tuple[tuple[str, int], ...]
"""Names of the filters that are given, each with its padded number of values."""

_SIZES = (1, 4, 20, 100, 500)
_KEYS = {
    "created_at": "u.created_at",
    "updated_at": "u.updated_at",
    "email_address": "u.primary_email_key",
    "web3wallet": None,
    "first_name": "u.first_name",
    "last_name": "u.last_name",
    "phone_number": "u.primary_phone_number",
    "username": "u.username_key",
    "last_active_at": "u.last_active_at",
    "last_sign_in_at": "u.last_sign_in_at",
}
_NEVER_NULL = {"created_at", "updated_at"}


_SELECTIVE = frozenset(
    {"email_keys", "phone_keys", "username_keys", "user_ids", "external_ids", "found"}
)
"""Filters that leave few users, so that these are found first and then ordered."""


def _ordered(shape: Shape, order: Order) -> str:
    """Return the ORDER BY of an order; users without the value come last in both directions."""
    key, direction = _KEYS[order.by], "DESC" if order.descending else "ASC"
    if key is None:
        return f"u.id {direction}"
    if any(name in _SELECTIVE for name, _ in shape):
        # An expression keeps SQLite from walking all users in that order.
        key = f"CASE WHEN 1 = 1 THEN {key} END"
    nulls = "" if order.by in _NEVER_NULL else " NULLS LAST"
    return f"{key} {direction}{nulls}, u.id {direction}"


_CONDITIONS = {
    "email_keys": "u.id IN (SELECT e.user_id FROM email_address e"
    " WHERE e.instance = u.instance AND e.email_key IN ({}))",
    "phone_keys": "u.id IN (SELECT p.user_id FROM phone_number p"
    " WHERE p.instance = u.instance AND p.phone_number IN ({}))",
    "username_keys": "u.username_key IN ({})",
    "user_ids": "u.id IN ({})",
    "not_user_ids": "u.id NOT IN ({})",
    "external_ids": "u.external_id IN ({})",
    "not_external_ids": "(u.external_id IS NULL OR u.external_id NOT IN ({}))",
    "banned": "u.banned = {}",
    "not_banned": "u.banned < {}",
    "created_before": "u.created_at < {}",
    "created_after": "u.created_at > {}",
    "active_before": "u.last_active_at < {}",
    "active_after": "u.last_active_at > {}",
    "active_since": "u.last_active_at >= {}",
    "signed_in_before": "u.last_sign_in_at < {}",
    "signed_in_after": "u.last_sign_in_at > {}",
    "impossible": "0 > {}",
}
_ALL = _CONDITIONS | user_search.CONDITIONS


def page(tx: Tx, instance: int, wanted: Filter, page: Page) -> list[User]:
    """Return one page of users with their identifications."""
    shape, values = _shape(tx, wanted)
    after = (instance, page.after) if page.after else ()
    sql = _page_sql(shape, page.order, len(after))
    rows = tx.all(sql, (instance, *values, *after, page.limit, page.offset))
    if not rows:
        return []
    ids = _pad(tuple(row[0] for row in rows))
    emails, phones = (identifications.of_users(tx, instance, kind, ids) for kind in KINDS)
    return [users.load(row, emails.get(row[0], ()), phones.get(row[0], ())) for row in rows]


def count(tx: Tx, instance: int, wanted: Filter) -> int:
    """Return how many users there are."""
    if wanted == Filter(texts=wanted.texts) and wanted.texts:
        return user_search.count(tx, instance, wanted.texts)
    shape, values = _shape(tx, wanted)
    return tx.one(_count_sql(shape), (instance, *values))[0]


def _shape(tx: Tx, wanted: Filter) -> tuple[Shape, list[object]]:
    shape: list[tuple[str, int]] = []
    values: list[object] = []
    for name in _CONDITIONS:
        given: tuple[object, ...] = getattr(wanted, name)
        if given:
            padded = _pad(given)
            shape.append((name, len(padded)))
            values += padded
    for name, value in user_search.conditions(tx, wanted.texts):
        shape.append((name, 1))
        values.append(value)
    return tuple(shape), values


def _pad(values: tuple[T, ...]) -> tuple[T, ...]:
    size = next(size for size in _SIZES if size >= len(values))
    return values + values[-1:] * (size - len(values))


@lru_cache(maxsize=256)
def _where(shape: Shape) -> str:
    conditions = ["u.instance = ?"]
    conditions += [_ALL[name].format(_marks(size)) for name, size in shape]
    return " AND ".join(conditions)


@lru_cache(maxsize=256)
def _page_sql(shape: Shape, order: Order, after: int) -> str:
    where = _where(shape)
    if after:
        beyond = "<" if order.descending else ">"
        where += (
            f" AND (u.created_at, u.id) {beyond}"
            ' (SELECT created_at, id FROM "user" WHERE instance = ? AND id = ?)'
        )
    return (
        f'SELECT {users.COLUMNS} FROM "user" u WHERE {where}'
        f" ORDER BY {_ordered(shape, order)} LIMIT ? OFFSET ?"
    )


@lru_cache(maxsize=256)
def _count_sql(shape: Shape) -> str:
    return f'SELECT count(*) FROM "user" u WHERE {_where(shape)}'


def _marks(size: int) -> str:
    return ", ".join("?" * size)
