"""Finding users by parts of what they are called, through an index of trigrams.

A row of the index has the number of the object that it is about, which never
changes, and texts without regard to case. What many users share
("@example.com") matches more rows than an index helps with: then the list is
walked in its order instead, and each user's texts looked at, which finds a page
soon because so many match. So are texts shorter than a trigram found.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

from collections.abc import Sequence

from consignease.domain import identifiers
from consignease.domain.user_filter import Text
from consignease.domain.users import User
from consignease.store import messages
from consignease.store.tx import Tx

MANY = 2_000
"""From how many matches on a list is walked instead."""

_INSERT = """
INSERT INTO user_search (rowid, email_address, phone_number, username, name, key, id)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE user_search SET email_address = ?, phone_number = ?, username = ?, name = ?
WHERE rowid = ?
"""
_DELETE = "DELETE FROM user_search WHERE rowid = ?"
_MANY = """
SELECT count(*) FROM (SELECT 1 FROM user_search WHERE user_search MATCH ? LIMIT ?)
"""
_ANY = " || char(10) || ".join(
    f"s.{name}" for name in ("email_address", "phone_number", "username", "name", "key")
)
_COLUMNS = {
    "": f"({_ANY})",
    **{name: f"s.{name}" for name in ("email_address", "phone_number", "username", "name")},
}
CONDITIONS = {
    "few": "u.id IN (SELECT s.id FROM user_search s WHERE s.user_search MATCH {})",
    **{
        f"walk {name}": "EXISTS (SELECT 1 FROM object o CROSS JOIN user_search s"
        " WHERE o.instance = u.instance AND o.id = u.id AND s.rowid = o.no"
        f" AND instr({column}, {{}}) > 0)"
        for name, column in _COLUMNS.items()
    },
}
"""Conditions on a user ``u``, by name, each with a place for its value."""

_TRIGRAM = 3


def conditions(tx: Tx, texts: Sequence[Text], *, walk: bool) -> list[tuple[str, str]]:
    """Return the names of the conditions by which texts are found, each with its value.

    Args:
        tx: The transaction.
        texts: What is to be found.
        walk: Whether a list is wanted, that can be walked in its order.
    """
    walked = [text for text in texts if len(text.part) < _TRIGRAM]
    indexed = [text for text in texts if len(text.part) >= _TRIGRAM]
    match = " AND ".join(map(_match, indexed))
    few: list[tuple[str, str]] = []
    if match and walk and tx.one(_MANY, (match, MANY))[0] >= MANY:
        walked += indexed
    elif match:
        few.append(("few", match))
    return few + [(f"walk {text.column}", text.part) for text in walked]


def _match(text: Text) -> str:
    quoted = '"' + text.part.replace('"', '""') + '"'
    return f"{{{text.column}}} : {quoted}" if text.column else quoted


def insert(tx: Tx, instance: int, user: User) -> None:
    """Make a new user findable."""
    number = messages.number(tx, instance, user.id)
    tx.execute(_INSERT, (number, *_texts(user), identifiers.fold(user.id), user.id))


def update(tx: Tx, instance: int, old: User, new: User) -> None:
    """Follow a change of what a user is called."""
    texts = _texts(new)
    if texts != _texts(old):
        tx.execute(_UPDATE, (*texts, messages.number(tx, instance, new.id)))


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Forget a user."""
    tx.execute(_DELETE, (messages.number(tx, instance, user_id),))


def _texts(user: User) -> tuple[str, ...]:
    texts = (
        "\n".join(email.value for email in user.emails),
        "\n".join(phone.value for phone in user.phones),
        user.username or "",
        f"{user.first_name or ''} {user.last_name or ''}",
    )
    return tuple(map(identifiers.fold, texts))
