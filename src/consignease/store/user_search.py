"""Finding users by parts of what they are called, through an index of trigrams.

A row of the index has the number of the object that it is about, which never
changes. What all users share ("@example.com") matches more rows than an index
helps with: then the list is walked in its order instead, and each user looked
at, which finds a page soon because so many match.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

import re
from collections.abc import Sequence

from consignease.domain.user_filter import Text
from consignease.domain.users import User
from consignease.store import messages
from consignease.store.tx import Tx

MANY = 5_000
"""From how many matches on a list is walked instead."""

_INSERT = """
INSERT INTO user_search (rowid, email_address, username, name, id) VALUES (?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE user_search SET email_address = ?, username = ?, name = ? WHERE rowid = ?
"""
_DELETE = "DELETE FROM user_search WHERE rowid = ?"
_MANY = """
SELECT count(*) FROM (SELECT 1 FROM user_search WHERE user_search MATCH ? LIMIT ?)
"""
_COLUMNS = {
    "": "(s.email_address || char(10) || s.username || char(10) || s.name || char(10) || s.id)",
    "email_address": "s.email_address",
    "username": "s.username",
    "name": "s.name",
}
CONDITIONS = {
    "few": "u.id IN (SELECT s.id FROM user_search s WHERE s.user_search MATCH {})",
    "walk": (
        "EXISTS (SELECT 1 FROM object o CROSS JOIN user_search s WHERE o.instance = u.instance"
        " AND o.id = u.id AND s.rowid = o.no AND s.user_search MATCH {})"
    ),
    # Shorter than a trigram: the texts are read one by one.
    **{
        f"short {name}": "EXISTS (SELECT 1 FROM object o CROSS JOIN user_search s"
        " WHERE o.instance = u.instance AND o.id = u.id AND s.rowid = o.no"
        f" AND {column} LIKE {{}} ESCAPE '\\')"
        for name, column in _COLUMNS.items()
    },
}
"""Conditions on a user ``u``, by name, each with a place for its value."""

_SPECIAL = re.compile(r"([\\%_])")
_TRIGRAM = 3


def conditions(tx: Tx, texts: Sequence[Text], *, walk: bool) -> list[tuple[str, str]]:
    """Return the names of the conditions by which texts are found, each with its value.

    Args:
        tx: The transaction.
        texts: What is to be found.
        walk: Whether a list is wanted, that can be walked in its order.
    """
    found: list[tuple[str, str]] = []
    matches: list[str] = []
    for text in texts:
        if len(text.part) < _TRIGRAM:
            pattern = _SPECIAL.sub(r"\\\1", text.part)
            found.append((f"short {text.column}", f"%{pattern}%"))
        else:
            quoted = '"' + text.part.replace('"', '""') + '"'
            matches.append(f"{{{text.column}}} : {quoted}" if text.column else quoted)
    if matches:
        value = " AND ".join(matches)
        many = walk and tx.one(_MANY, (value, MANY))[0] >= MANY
        found.append(("walk" if many else "few", value))
    return found


def insert(tx: Tx, instance: int, user: User) -> None:
    """Make a new user findable."""
    number = messages.number(tx, instance, user.id)
    tx.execute(_INSERT, (number, *_texts(user), user.id))


def update(tx: Tx, instance: int, old: User, new: User) -> None:
    """Follow a change of what a user is called."""
    texts = _texts(new)
    if texts != _texts(old):
        tx.execute(_UPDATE, (*texts, messages.number(tx, instance, new.id)))


def delete(tx: Tx, instance: int, user_id: str) -> None:
    """Forget a user."""
    tx.execute(_DELETE, (messages.number(tx, instance, user_id),))


def _texts(user: User) -> tuple[str, str, str]:
    addresses = "\n".join(email.email_address for email in user.emails)
    return addresses, user.username or "", f"{user.first_name or ''} {user.last_name or ''}"
