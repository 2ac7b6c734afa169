"""What differs between the databases in the text of a statement.

Statements are written once, for SQLite: ``?`` or ``:name`` for values. Here
they are turned into what PostgreSQL is sent: ``$1``, ``$2``, … Where only
PostgreSQL has something to say, a statement holds it as a comment that SQLite
passes over: ``/* postgresql: FOR UPDATE SKIP LOCKED */``. What begins with
``writing:`` counts in units that write only: who reads a row to change it holds
it, and who only looks at it holds up nobody.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

_PLACE = re.compile(
    r"x''|'(?:[^']|'')*'|\"[^\"]*\"|::|\bAS BLOB\b|/\* (?:postgresql|(writing)): (.*?) \*/|\?|:([a-z_][a-z_0-9]*)"
)
_FIXED = {"x''": "''::bytea", "AS BLOB": "AS BYTEA"}


@cache
def numbered(sql: str, *, writing: bool) -> tuple[str, tuple[str, ...]]:
    """Return a statement with numbered places, and the names that belong to them.

    The names are empty when the statement takes its values by position.
    """
    names: list[str] = []
    count = 0

    def place(found: "re.Match[str]") -> str:
        nonlocal count
        text, if_writing, only, name = found[0], found[1], found[2], found[3]
        if text == "?":
            count += 1
            return f"${count}"
        if only is not None:
            return "" if if_writing and not writing else only
        if name is None:
            return _FIXED.get(text, text)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACE.sub(place, sql), tuple(names)


def values(names: Sequence[str], params: Mapping[str, object] | Sequence[object]) -> list[object]:
    """Return a statement's values in the order of its places."""
    if isinstance(params, Mapping):
        return [params[name] for name in names]
    return list(params)
