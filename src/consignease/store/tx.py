"""What a unit of work sees of the database, and of who waits for its commit."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

Params = Mapping[str, object] | Sequence[object]


class Handoff(Protocol):
    """Where freshly committed deliveries go without being read back."""

    def room(self, endpoint: int) -> int:
        """How many more deliveries of this endpoint may be leased now."""
        ...

    def take(self, leased: Sequence[Any], more: Iterable[int]) -> None:
        """Accept leased deliveries; `more` are endpoints with due work in the database."""
        ...

    def changed(self, endpoint: int) -> None:
        """The settings of an endpoint were changed."""
        ...


class NoHandoff:
    """A process without a worker: every delivery stays in the database."""

    def room(self, endpoint: int) -> int:
        """No room."""
        del endpoint
        return 0

    def take(self, leased: Sequence[Any], more: Iterable[int]) -> None:
        """Nothing is leased here."""

    def changed(self, endpoint: int) -> None:
        """Nobody holds its settings here."""


class Tx:
    """One connection inside one transaction.

    Statements are module-level constants with ``:name`` or ``?`` parameters;
    the driver keeps them prepared. Rows answer to column names and positions.
    """

    __slots__ = ("effects", "execute", "hand", "many", "next_cursor")

    def __init__(
        self, connection: sqlite3.Connection, hand: Handoff, next_cursor: Callable[[], int]
    ) -> None:
        self.execute = connection.execute
        self.many = connection.executemany
        self.hand = hand
        self.next_cursor = next_cursor
        """Return the log's next cursor. A unit that fails leaves a hole."""
        self.effects: list[Callable[[], None]] = []

    def one(self, sql: str, params: Params = ()) -> Any:  # noqa: ANN401 - a driver's row
        """Return the first row, or None."""
        return self.execute(sql, params).fetchone()

    def all(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows."""
        return self.execute(sql, params).fetchall()

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement and return how many rows it touched."""
        return self.execute(sql, params).rowcount

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Call `effect` in the writer thread once this unit is durable."""
        self.effects.append(effect)
