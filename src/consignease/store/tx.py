"""What a unit of work sees of the database, and of who waits for its commit."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from consignease.domain.leases import Leased

Item = TypeVar("Item")

Params = Mapping[str, object] | Sequence[object]
Calls = dict[Callable[..., object], list[Any]]
"""Functions to be called after a transaction, each once for all the items that belong to it."""


class Handoff(Protocol):
    """Where freshly committed deliveries go without being read back.

    All of it is called in the thread that writes.
    """

    def reserve(self, endpoint: int, *, fresh: bool) -> bool:
        """Keep a place for one delivery of this endpoint; False if there is no room.

        A `fresh` delivery gets none either while older ones wait in the database.
        """
        ...

    def release(self, leased: Sequence[Leased]) -> None:
        """Give back the places of deliveries whose transaction was rolled back."""
        ...

    def caught_up(self, endpoint: int) -> None:
        """Learn that a claim leaves no delivery of an endpoint in the database that is due."""
        ...

    def take(self, leased: Sequence[Leased], due: Mapping[int, int]) -> None:
        """Accept committed deliveries, and learn when endpoints have work in the database."""
        ...

    def changed(self, endpoint: int) -> None:
        """Forget the settings of an endpoint: they were changed."""
        ...

    def begun(self) -> None:
        """Learn that there is work for the background."""
        ...


class NoHandoff:
    """A process without a worker: every delivery stays in the database."""

    def reserve(self, endpoint: int, *, fresh: bool) -> bool:
        """There is no room."""
        del endpoint, fresh
        return False

    def release(self, leased: Sequence[Leased]) -> None:
        """Nothing was reserved."""

    def caught_up(self, endpoint: int) -> None:
        """Nobody claims here."""

    def take(self, leased: Sequence[Leased], due: Mapping[int, int]) -> None:
        """Nothing is leased here."""

    def changed(self, endpoint: int) -> None:
        """Nobody holds settings here."""

    def begun(self) -> None:
        """Nobody works in the background here."""


class RunAgainError(Exception):
    """Raised by a unit that met what another transaction has just written: it is run again."""


def no_cursors(count: int) -> Sequence[int]:
    """Refuse to append to the log: for units that only read."""
    msg = f"a unit that reads cannot append {count} to the log"
    raise RuntimeError(msg)


class Tx:
    """One connection inside one transaction.

    Statements are module-level constants with ``:name`` or ``?`` parameters;
    the driver keeps them prepared. Rows answer to column names and positions.

    Attributes:
        leased: Deliveries leased by this unit, handed over when it commits.
        due: For endpoints that this unit left work in the database: when, in milliseconds.
        cache: What is remembered between units: by the writer, or in one transaction where
            several run at once. Forgotten whenever anything is rolled back; who changes what
            it was made from takes that out.
        next_cursors: Takes that many numbers of the log, in order.
        afterwards: What `then` left to be done once this unit is durable, and with what;
            None where units run one at a time, so that it is done at once.
        delayed: What `later` left to be done.
    """

    __slots__ = (
        "afterwards",
        "cache",
        "delayed",
        "due",
        "effects",
        "execute",
        "hand",
        "leased",
        "many",
        "next_cursors",
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        hand: Handoff,
        next_cursors: Callable[[int], Sequence[int]],
        cache: dict[Any, Any],
    ) -> None:
        self.execute = connection.execute
        self.many = connection.executemany
        self.hand = hand
        self.next_cursors = next_cursors
        self.cache = cache
        self.leased: list[Leased] = []
        self.due: dict[int, int] = {}
        self.effects: list[Callable[[], None]] = []
        self.afterwards: Calls | None = None
        self.delayed: Calls | None = None

    def next_cursor(self) -> int:
        """Take the next number of the log."""
        return self.next_cursors(1)[0]

    def one(self, sql: str, params: Params = ()) -> Any:
        """Return the first row, or None."""
        return self.execute(sql, params).fetchone()

    def all(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows."""
        return self.execute(sql, params).fetchall()

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement and return how many rows it touched."""
        return self.execute(sql, params).rowcount

    def wake(self, endpoint: int, at: int) -> None:
        """Say that an endpoint has work in the database that is due at a time."""
        known = self.due.get(endpoint)
        if known is None or at < known:
            self.due[endpoint] = at

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Call `effect` in the writer thread once this unit is durable."""
        self.effects.append(effect)

    def then(self, fn: "Callable[[Tx, Sequence[Item]], object]", items: Sequence[Item]) -> None:
        """Run `fn(tx, items)` when what this unit wrote can be seen by others.

        Where units run one at a time that is now, in this transaction. Where
        several run at once it is a unit of its own after the commit, for the items of
        all that were committed together: of two that write and then look, each in
        its own time, at least one sees what the other wrote.
        """
        if self.afterwards is None:
            fn(self, items)
        else:
            self.afterwards.setdefault(fn, []).extend(items)

    def later(self, fn: "Callable[[Tx, Sequence[Item]], object]", items: Sequence[Item]) -> None:
        """Run `fn(tx, items)` a moment after this unit is durable, if there are any.

        For what another transaction held and this one would not wait for. Where
        units run one at a time nobody holds anything, and there is nothing to do.
        """
        if self.delayed is not None and items:
            self.delayed.setdefault(fn, []).extend(items)

    @property
    def alone(self) -> bool:
        """Whether units run one at a time."""
        return self.afterwards is None
