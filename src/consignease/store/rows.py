"""Statements over many rows at once: one step of the database instead of one for each row.

Every step gives up the interpreter to other threads on SQLite, where a statement is
prepared for a few numbers of rows, so that its texts stay few and stay prepared. On
PostgreSQL every step is a round trip, and each value that is bound, and each row of a
list that is planned, costs the server more than what is done with it; there the rows
come as one array for each column, and one text is enough.
"""

import re
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

from consignease.store.tx import Tx

LENGTHS = (64, 32, 16, 8, 4, 2, 1)
"""For how many rows a statement is prepared on SQLite."""
AT_ONCE = 1_000
"""How many rows PostgreSQL is given at once."""

_PLACE = re.compile(r"\?")


class OfRows:
    """A statement with a list of rows in it.

    Args:
        text: With ``VALUES {rows}`` where the list goes.
        row: One row, such as ``(?, ?)``.
        types: PostgreSQL's types of the row's values, such as ``bigint text``.
    """

    __slots__ = ("_arrays", "_texts", "_types")

    def __init__(self, text: str, row: str, types: str) -> None:
        self._texts = [(n, text.replace("{rows}", ", ".join([row] * n))) for n in LENGTHS]
        self._types = types.split()
        names = [f"c{n}" for n, _ in enumerate(self._types)]
        number = count()
        columns = _PLACE.sub(lambda _: names[next(number)], row[1:-1])
        arrays = ", ".join(f"CAST(? AS {kind}[])" for kind in self._types)
        given = f" FROM unnest({arrays}) AS given ({', '.join(names)})"
        self._arrays = text.replace("VALUES {rows}", "SELECT " + columns + given)

    def run(self, tx: Tx, rows: Sequence[Sequence[object]], *last: object) -> list[Any]:
        """Run it for every row and return what it returned; `last` are values after the list."""
        found: list[Any] = []
        if not tx.alone:
            for at in range(0, len(rows), AT_ONCE):
                part = zip(*rows[at : at + AT_ONCE], strict=True)
                # Lists are looked through for text that PostgreSQL cannot hold; tuples are not.
                columns: list[Sequence[object]] = [
                    list(column) if kind == "text" else column
                    for kind, column in zip(self._types, part, strict=True)
                ]
                found += tx.execute(self._arrays, (*columns, *last)).fetchall()
            return found
        at, left = 0, len(rows)
        for length, text in self._texts:
            while left >= length:
                part = (*chain.from_iterable(rows[at : at + length]), *last)
                found += tx.execute(text, part).fetchall()
                at += length
                left -= length
        return found
