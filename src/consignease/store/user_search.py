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

from collections import Counter
from collections.abc import Sequence
from time import monotonic

from consignease.domain import identifiers
from consignease.domain.user_filter import Text
from consignease.domain.users import User
from consignease.store import messages
from consignease.store.tx import Tx

MANY = 2_000
"""From how many matches on a list is walked instead."""
RAREST = 3
"""How many trigrams the index is asked for at first."""
SAMPLE = 400
"""Of how many users it is seen which trigrams are rare."""
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
_MANY = """
SELECT count(*) FROM (SELECT 1 FROM user_search WHERE user_search MATCH ? LIMIT ?)
"""
_ANY = " || char(10) || ".join(
    f"s.{name}" for name in ("email_address", "phone_number", "username", "name", "key")
)
_ENDS = "SELECT min(rowid), max(rowid) FROM user_search"
_TEXTS = f"SELECT {_ANY} FROM user_search s WHERE rowid >= ? ORDER BY rowid LIMIT 1"
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


def conditions(tx: Tx, texts: Sequence[Text], *, walk: bool) -> list[tuple[str, str]]:
    """Return the names of the conditions by which texts are found, each with its value.

    Args:
        tx: The transaction.
        texts: What is to be found.
        walk: Whether a list is wanted, that can be walked in its order.
    """
    looked_at = [(f"walk {text.column}", text.part) for text in texts]
    grams = {gram for text in texts for gram in trigrams(text.part)}
    if not grams:
        return looked_at
    seen = _sample(tx)
    ordered = sorted(grams, key=lambda gram: (seen[gram], gram))
    match = _match(ordered[:RAREST])
    if not walk or _is_few(tx, match):
        return [("few", match), *looked_at]
    match = _match(ordered)
    return [("few", match), *looked_at] if _is_few(tx, match) else looked_at


def trigrams(text: str) -> set[str]:
    """Return every three characters of a text that stand side by side."""
    return {text[at : at + 3] for at in range(len(text) - 2)}


def _is_few(tx: Tx, match: str) -> bool:
    return tx.one(_MANY, (match, MANY))[0] < MANY


def _match(grams: Sequence[str]) -> str:
    return " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)


_samples: dict[str, tuple[float, Counter[str]]] = {}


def _sample(tx: Tx) -> Counter[str]:
    """Return how many users of some have which trigrams; looked at now and then."""
    file: str = tx.one("PRAGMA database_list")[2]
    at, seen = _samples.get(file, (-SAMPLE_SECONDS, Counter[str]()))
    if monotonic() - at >= SAMPLE_SECONDS:
        first, last = tx.one(_ENDS)
        seen = Counter[str]()
        for n in range(SAMPLE if last else 0):
            row = tx.one(_TEXTS, (first + (last - first) * n // SAMPLE,))
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
