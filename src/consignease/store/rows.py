"""Statements over many rows at once: one step of the database instead of one for each row.

Every step gives up the interpreter to other threads on SQLite, and is a round
trip on PostgreSQL. A statement is prepared for a few numbers of rows, so that
its texts stay few and stay prepared.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from consignease.store.tx import Tx

LENGTHS = (64, 32, 16, 8, 4, 2, 1)
"""For how many rows a statement is prepared."""


class OfRows:
    """A statement with a list of rows in it.

    Args:
        text: With ``{rows}`` where the list goes.
        row: One row, such as ``(?, ?)``.
    """

    __slots__ = ("_texts",)

    def __init__(self, text: str, row: str) -> None:
        self._texts = [(n, text.replace("{rows}", ", ".join([row] * n))) for n in LENGTHS]

    def run(self, tx: Tx, rows: Sequence[Sequence[object]], *last: object) -> list[Any]:
        """Run it for every row and return what it returned; `last` are values after the list."""
        found: list[Any] = []
        at, left = 0, len(rows)
        for length, text in self._texts:
            while left >= length:
                part = (*chain.from_iterable(rows[at : at + length]), *last)
                found += tx.execute(text, part).fetchall()
                at += length
                left -= length
        return found
