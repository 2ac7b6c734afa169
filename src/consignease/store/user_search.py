"""Finding users by parts of what they are called, through an index of trigrams.

A row of the index has the number of the object that it is about, which never
changes, and texts without regard to case. The index knows which rows have a
trigram, and nothing of where: it is asked for the few rarest trigrams of what
is searched, and the texts of the rows that it finds are looked at. What many
users share ("@example.com") matches more rows than an index helps with: then
the list is walked in its order instead, which finds a page soon because so many
match. So are texts shorter than a trigram found.
"""

# ruff: noqa: S608 - statements are put together of constants, never of values

import re
from collections import Counter
from collections.abc import Sequence
from time import monotonic

import msgspec

from consignease.domain import identifiers
from consignease.domain.user_filter import Text
from consignease.domain.users import User
from consignease.store import messages
from consignease.store.tx import Tx

MANY = 2_000
"""From how many matches on a list is walked instead."""
RAREST = 3
"""How many trigrams the index is asked for."""
SAMPLE = 400
"""Of how many users it is seen which trigrams are rare."""
COMMON = SAMPLE // 10
"""Of how many of these users a trigram is too common to be asked for beside a rarer one."""
SAMPLE_SECONDS = 600

_INSERT = """
INSERT INTO user_search (rowid, email_address, phone_number, username, name, key, id)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE user_search SET email_address = ?, phone_number = ?, username = ?, name = ?
WHERE rowid = ?
"""
_DELETE = "DELETE FROM user_search WHERE rowid = ?"
_ANY = " || '\n' || ".join(
    f"s.{name}" for name in ("email_address", "phone_number", "username", "name", "key")
)
_OF_INSTANCE = "(SELECT o.instance FROM object o WHERE o.no = s.rowid) = ?"
_COUNT_ALL = f"SELECT count(*) FROM user_search s WHERE {_OF_INSTANCE}"
_FIRST = "SELECT rowid FROM user_search ORDER BY rowid LIMIT 1"
_LAST = "SELECT rowid FROM user_search ORDER BY rowid DESC LIMIT 1"
_TEXTS = f"SELECT {_ANY} FROM user_search s WHERE rowid >= ? ORDER BY rowid LIMIT 1"
_COLUMNS = {
    "": f"({_ANY})",
    **{name: f"s.{name}" for name in ("email_address", "phone_number", "username", "name")},
}
CONDITIONS = {
    "found": "u.id IN (SELECT value FROM json_each({}))",
    **{
        f"walk {name}": "EXISTS (SELECT 1 FROM object o CROSS JOIN user_search s"
        " WHERE o.instance = u.instance AND o.id = u.id AND s.rowid = o.no"
        f" AND instr({column}, {{}}) > 0)"
        for name, column in _COLUMNS.items()
    },
}
"""Conditions on a user ``u``, by name, each with a place for its value."""


def conditions(tx: Tx, texts: Sequence[Text]) -> list[tuple[str, str]]:
    """Return the names of the conditions by which texts are found, each with its value.

    Either the ids of the few users that match, or what each user is to be
    looked at for.
    """
    if not texts:
        return []
    match = _match(tx, texts)
    if match:
        sql, values = _looked_at(tx, texts)
        sql = f"SELECT s.id {sql} LIMIT ?"
        found = tx.all(sql, (match, *values, MANY))
        if len(found) < MANY:
            return [("found", msgspec.json.encode([row[0] for row in found]).decode())]
    return [(f"walk {text.column}", text.part) for text in texts]


def count(tx: Tx, instance: int, texts: Sequence[Text]) -> int:
    """Return how many users match."""
    match = _match(tx, texts)
    if not match:
        where = " AND ".join(f"instr({_COLUMNS[text.column]}, ?) > 0" for text in texts)
        values = [text.part for text in texts]
        return tx.one(f"{_COUNT_ALL} AND {where}", (instance, *values))[0]
    sql, values = _looked_at(tx, texts)
    return tx.one(f"SELECT count(*) {sql} AND {_OF_INSTANCE}", (match, *values, instance))[0]


def _looked_at(tx: Tx, texts: Sequence[Text]) -> tuple[str, list[str]]:
    asked = "s.user_search MATCH ?" if tx.alone else "s.texts LIKE ?"
    where = "".join(f" AND instr({_COLUMNS[text.column]}, ?) > 0" for text in texts)
    return f"FROM user_search s WHERE {asked}{where}", [text.part for text in texts]


def _match(tx: Tx, texts: Sequence[Text]) -> str:
    """Return what the index is asked for; nothing if all texts are shorter than a trigram."""
    grams = {gram for text in texts for gram in trigrams(text.part)}
    if not grams:
        return ""
    if not tx.alone:
        # PostgreSQL picks the trigrams by itself: it is asked for the longest text.
        part = max((text.part for text in texts), key=len)
        return "%" + re.sub(r"([\\%_])", r"\\\1", part) + "%"
    seen = _sample(tx)
    first, *others = sorted(grams, key=lambda gram: (seen[gram], gram))[:RAREST]
    asked = [first, *(gram for gram in others if seen[gram] <= COMMON)]
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in asked)


def trigrams(text: str) -> set[str]:
    """Return every three characters of a text that stand side by side."""
    return {text[at : at + 3] for at in range(len(text) - 2)}


_samples: dict[str, tuple[float, Counter[str]]] = {}


def _sample(tx: Tx) -> Counter[str]:
    """Return how many users of some have which trigrams; looked at now and then."""
    file: str = tx.one("PRAGMA database_list")[2]
    at, seen = _samples.get(file, (-SAMPLE_SECONDS, Counter[str]()))
    if monotonic() - at >= SAMPLE_SECONDS:
        first, last = tx.one(_FIRST), tx.one(_LAST)
        seen = Counter[str]()
        for n in range(SAMPLE if first else 0):
            row = tx.one(_TEXTS, (first[0] + (last[0] - first[0]) * n // SAMPLE,))
            seen.update(trigrams(row[0]) if row else ())
        if seen:  # of nobody, nothing is learned
            _samples[file] = (monotonic(), seen)
    return seen


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
