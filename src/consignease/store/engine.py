"""Units of work over an embedded SQLite file.

A unit of work is a plain function ``fn(tx, *args)``. `Store.write` runs it in
the one writer thread: every unit that waits is run in a savepoint of its own,
then all are committed at once and all callers are answered (group commit), so
that full durability costs little. `Store.read` runs it in a reader thread on
a snapshot.

A unit must be re-runnable and must not have effects outside the database but
through `Tx.on_commit`: when a commit fails, each unit of the group is run
again by itself, so that one bad unit costs nobody else.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from consignease.domain.counting import Commits
from consignease.domain.faults import Fault, Unavailable
from consignease.domain.leases import Leased
from consignease.store.checkpoints import Checkpointer
from consignease.store.idempotency import open_index
from consignease.store.tail import Tail
from consignease.store.tx import Handoff, NoHandoff, Tx, no_cursors
from consignease.store.units import Unit, joined

_log = logging.getLogger("consignease.store")

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

GROUP_UNITS = 256
"""How many units one commit takes at most."""

GROUP_SECONDS = 0.02
"""How long a group may gather before it is committed."""


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open one connection with the settings that our durability rests on."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "wal_autocheckpoint=0",
        "cache_size=-32768",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if readonly:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _answer(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.answer()


class Store:
    """One open database: a writer thread, reader threads and a checkpointer.

    Args:
        path: The database file; its schema is already at the current revision.
        hand: Who takes freshly committed deliveries.
        readers: How many reads may run at once.
        crash: Called with the name of each point of a commit at which fault
            tests end the process.
    """

    alone = True
    partitions = None

    def __init__(
        self,
        path: Path,
        *,
        hand: Handoff | None = None,
        readers: int = 2,
        crash: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.hand: Handoff = hand or NoHandoff()
        self.failure: str | None = None
        self.groups = 0
        self.units = 0
        self.commits = Commits()
        self.tail = Tail()
        self._crash = crash
        self._waiting: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._connection = connect(path)
        open_index(self._connection)
        row = self._connection.execute("SELECT value FROM counter WHERE name = 'cursor'").fetchone()
        self._cursor: int = row[0]
        self._cache: dict[Any, Any] = {}
        self._local = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="consignease-read")
        self._closing = False
        self._writer = threading.Thread(target=self._write_loop, name="consignease-write")
        self._checkpointer = Checkpointer(lambda: connect(path))
        self._writer.start()

    def write(
        self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """Run a unit of work durably; the returned future is its result.

        Raises (through the future):
            Fault: what the unit refused.
            Unavailable: the database cannot be written; nothing was changed.
        """
        if kwargs:
            msg = "units of work take positional arguments"
            raise TypeError(msg)
        return self._enter(Unit(fn, args, asyncio.get_running_loop()))

    def join(
        self, fn: Callable[[Tx, Sequence[Item]], Sequence[T | Fault]], item: Item
    ) -> "asyncio.Future[T]":
        """Do an item durably, together with all others that wait for the same function."""
        return self._enter(Unit(fn, (item,), asyncio.get_running_loop(), joined=True))

    def _enter(self, unit: Unit) -> "asyncio.Future[Any]":
        if self._closing:
            unit.future.set_exception(
                Unavailable("The server is shutting down.", detail="Try again shortly.")
            )
        else:
            self._waiting.put(unit)
        return unit.future

    async def read(
        self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit that only reads, on a snapshot, in a reader thread."""
        if kwargs:
            msg = "units of work take positional arguments"
            raise TypeError(msg)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, fn, args)

    async def horizon(self) -> int:
        """Return the cursor up to which the log is complete for good: all that can be seen is."""
        return 2**62

    def close(self) -> None:
        """Finish what waits, write the log back and close every connection."""
        if self._closing:
            return
        self._closing = True
        self._waiting.put(None)
        self._writer.join()
        self._checkpointer.close()
        self._readers.shutdown()
        for connection in self._reader_connections:
            connection.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    async def shut(self) -> None:
        """Close without holding up the event loop."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def tell(self, topic: str) -> None:
        """Tell the other processes of a topic: there are none."""

    async def upkeep(self, now: int) -> None:
        """Do what the database needs now and then: a file needs nothing."""

    # The writer thread

    def _write_loop(self) -> None:
        while (first := self._waiting.get()) is not None:
            waiting = joined(self._gather(first))
            while waiting:
                done = self._commit(waiting)
                if done is None:
                    for unit in waiting:
                        self._commit([unit])
                    done = len(waiting)
                self._answer([part for unit in waiting[:done] for part in self._apart(unit)])
                self._count(done)
                waiting = waiting[done:]

    def _apart(self, unit: Unit) -> list[Unit]:
        """Return a unit as it is done; the items of a call that failed are done one by one."""
        if not unit.broken:
            return [unit]
        parts = unit.apart()
        for part in parts:
            self._commit([part])
        return parts

    def _gather(self, first: Unit) -> list[Unit]:
        units = [first]
        with contextlib.suppress(queue.Empty):
            while len(units) < GROUP_UNITS:
                unit = self._waiting.get_nowait()
                if unit is None:
                    self._waiting.put(None)
                    break
                units.append(unit)
        return units

    def _commit(self, units: list[Unit], *, isolated: bool = False) -> int | None:
        """Run and commit a first part of `units`.

        Savepoints make SQLite copy every page a unit touches, so units run
        without one; when one fails half-way, all are rolled back and run once
        more, each `isolated` in a savepoint.

        Returns:
            How many are durable or refused for good; None if all of them were
            rolled back and each has to be run by itself.
        """
        connection = self._connection
        cursor = self._cursor
        deadline = time.monotonic() + GROUP_SECONDS
        done = 0
        try:
            connection.execute("BEGIN IMMEDIATE")
            for unit in units:
                if isolated:
                    self._run_isolated(connection, unit)
                elif not self._run(connection, unit):
                    self._undo(units)
                    self._cursor = cursor
                    return self._commit(units, isolated=True)
                done += 1
                if time.monotonic() > deadline:
                    break
            if self._cursor != cursor:
                connection.execute(
                    "UPDATE counter SET value = ? WHERE name = 'cursor'", (self._cursor,)
                )
            if self._crash:
                self._crash("before-commit")
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, the writer goes on
            self._roll_back(units, error)
            self._cursor = cursor
            return 1 if len(units) == 1 else None
        if self.failure is not None:
            _log.warning("the database can be written again")
            self.failure = None
        self.commits.add(done, time.monotonic() - deadline + GROUP_SECONDS)
        if self._crash:
            self._crash("after-commit")
        self._hand_over(units[:done])
        self.tail.grew(self._cursor - cursor)
        return done

    def _hand_over(self, units: list[Unit]) -> None:
        """Let the effects of durable units happen."""
        leased: list[Leased] = []
        due: dict[int, int] = {}
        for unit in units:
            tx = unit.tx
            if tx is None:
                continue
            leased += tx.leased
            for endpoint, at in tx.due.items():
                due[endpoint] = min(at, due.get(endpoint, at))
            for effect in tx.effects:
                try:
                    effect()
                except Exception:  # noqa: BLE001 - the commit stands whatever it does
                    _log.exception("an effect of a committed unit failed")
        if leased or due:
            self.hand.take(leased, due)

    def _count(self, units: int) -> None:
        self.groups += 1
        self.units += units
        self._checkpointer.wrote(units, self._connection)

    def _run(self, connection: sqlite3.Connection, unit: Unit) -> bool:
        """Run a unit; False if it failed after it had written something."""
        tx = unit.tx = Tx(connection, self.hand, self._next_cursors, self._cache)
        unit.error = None
        changes = connection.total_changes
        try:
            unit.result = unit.fn(tx, *unit.args)
        except BaseException as error:  # it belongs to the caller, unless the database failed
            if not connection.in_transaction or isinstance(error, sqlite3.OperationalError):
                raise
            self._forget(unit)
            unit.error = error
            return connection.total_changes == changes
        return True

    def _run_isolated(self, connection: sqlite3.Connection, unit: Unit) -> None:
        connection.execute("SAVEPOINT unit")
        if not self._run(connection, unit):
            connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")

    def _forget(self, unit: Unit) -> None:
        """Undo what a rolled-back unit had set aside, or remembered."""
        self._cache.clear()
        if unit.tx is not None:
            self.hand.release(unit.tx.leased)
            unit.tx = None

    def _next_cursors(self, count: int) -> Sequence[int]:
        self._cursor += count
        return range(self._cursor - count + 1, self._cursor + 1)

    def _undo(self, units: list[Unit]) -> None:
        """Roll the transaction back, and what its units had set aside."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        for unit in units:
            self._forget(unit)

    def _roll_back(self, units: list[Unit], error: Exception) -> None:
        before, self.failure = self.failure, f"{type(error).__name__}: {error}"
        self.commits.refuse(self.failure, time.monotonic())
        if self.failure != before:
            _log.error("the database refused a commit of %d units: %s", len(units), self.failure)
        self._undo(units)
        for unit in units:
            unit.error = Unavailable(
                "The database cannot be written just now.",
                code="database_unavailable",
                detail=f"Nothing was changed ({error}). Check disk space and try again.",
            )

    def _answer(self, units: list[Unit]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
        for unit in units:
            by_loop.setdefault(unit.loop, []).append(unit)
        for loop, its_units in by_loop.items():
            with contextlib.suppress(RuntimeError):  # that loop has ended; nobody waits
                loop.call_soon_threadsafe(_answer, its_units)

    # Readers

    def _read(self, fn: Callable[..., T], args: tuple[Any, ...]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path, readonly=True)
            self._local.connection = connection
            self._reader_connections.append(connection)
        connection.execute("BEGIN")
        try:
            return fn(Tx(connection, NoHandoff(), no_cursors, {}), *args)
        finally:
            connection.execute("ROLLBACK")
