"""Units of work over PostgreSQL: the same functions as over SQLite.

A unit is a plain function. It runs in a greenlet on the event loop, which
waits there for each statement while others go on. Units that wait when a
transaction ends (see `postgres_queue`) are run one after the other in the next
one and are durable together (group commit); when one of them fails after it
wrote, all of the group are run again, each in a transaction of its own.

How cursors of the log are taken: see `postgres_log`.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import asyncpg
from sqlalchemy.util import greenlet_spawn

from consignease.domain.counting import Commits
from consignease.domain.faults import Fault, Unavailable
from consignease.domain.leases import Leased
from consignease.store import postgres_errors
from consignease.store.postgres_detaching import Partitions
from consignease.store.postgres_errors import GONE, OUTDATED, unavailable
from consignease.store.postgres_log import HORIZON, Cursors
from consignease.store.postgres_notices import Notices
from consignease.store.postgres_queue import Queue
from consignease.store.postgres_session import Session, Sessions
from consignease.store.tx import Calls, Handoff, NoHandoff, RunAgainError, Tx, no_cursors
from consignease.store.units import Unit, joined

_log = logging.getLogger("consignease.store")

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

AGAIN = 5
"""How many times a unit is run again that others were in the way of."""
LOCKED_SECONDS = 10.0
"""For how long it is when all that was in its way are their locks."""
LOCK_WAIT = "250ms"
"""How long a statement waits for a row before its transaction is run again."""
PLANS = {
    # A plan is made once for whatever values; it must stay right when a table that was empty
    # then is large, so it goes by indexes.
    "write": {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        # A plain scan marks what is dead in an index, so that the next one passes it by.
        "enable_bitmapscan": "off",
    },
    # Filters that were not given make another plan right.
    "read": {"plan_cache_mode": "force_custom_plan"},
}
"""How statements are planned in units that write, and in those that only read."""
LATER_SECONDS = 0.02
"""When a unit looks again at what another transaction held."""


class PostgresStore:
    """One PostgreSQL database, as one process uses it.

    Args:
        url: Where it is, ``postgresql://user:password@host/name``.
        hand: Who takes freshly committed deliveries.
        writers: How many transactions may be open at once.
        readers: How many reads may run at once.
        heard: Called with what another process tells; see `Notices`.
    """

    alone = False

    def __init__(
        self,
        url: str,
        *,
        hand: Handoff | None = None,
        writers: int = 4,
        readers: int = 4,
        heard: Callable[[str], None] | None = None,
    ) -> None:
        self.url = url
        self.notices = Notices(url, hand or NoHandoff(), heard or _ignore)
        self.hand: Handoff = self.notices
        self.tail = self.notices.tail
        self.failure: str | None = None
        self.groups = 0
        self.units = 0
        self.commits = Commits()
        self._to_write = Sessions(url, writers, lock_timeout=LOCK_WAIT, **PLANS["write"])
        self._to_read = Sessions(url, readers, lock_timeout=LOCK_WAIT, **PLANS["read"])
        self.partitions = Partitions(self._to_read.lend)
        self._queue = Queue()
        self._writers = writers
        self._tasks: list[asyncio.Task[None]] = []
        self._readers = readers
        self._after: set[asyncio.Future[Any]] = set()
        self._delayed: dict[Unit, asyncio.TimerHandle] = {}

    async def open(self) -> None:
        """Connect and begin to work.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            async with self._to_write.lend():
                pass
        except GONE as error:
            raise unavailable(error) from error
        self.notices.start()
        self._tasks = [asyncio.create_task(self._write_loop()) for _ in range(self._writers)]

    def tell(self, topic: str) -> None:
        """Tell the other processes of a topic."""
        self.notices.tell(topic)

    async def upkeep(self, now: int) -> None:
        """Make the parts of the log that will be needed."""
        await self.partitions.ahead(now)

    async def shut(self) -> None:
        """Finish what waits and close every connection.

        What was to be looked at again a moment later is left to who sweeps next.
        """
        self._queue.close()
        for unit, timer in self._delayed.items():
            timer.cancel()
            unit.future.cancel()
        await asyncio.gather(*self._tasks)
        await self.settled()
        await self.notices.stop()
        await self._to_write.close()
        await self._to_read.close()

    def write(
        self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """Run a unit of work durably; the returned future is its result.

        Raises (through the future):
            Fault: what the unit refused.
            Unavailable: the database cannot be written.
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
        if self._queue.closed:
            unit.future.set_exception(
                Unavailable("The server is shutting down.", detail="Try again shortly.")
            )
        else:
            self._queue.put(unit)
        return unit.future

    async def read(
        self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit that only reads, on a snapshot."""
        if kwargs:
            msg = "units of work take positional arguments"
            raise TypeError(msg)
        for _ in range(self._readers):
            # A migration that adds a column outdates what each connection has prepared.
            with contextlib.suppress(*OUTDATED, asyncpg.LockNotAvailableError):
                return await self._read(fn, args)
        return await self._read(fn, args)

    async def _read(self, fn: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            async with (
                self._to_read.lend() as session,
                session.connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                session.writing = False
                tx = Tx(cast("Any", session), NoHandoff(), no_cursors, {})
                tx.afterwards, tx.delayed = {}, {}
                return await greenlet_spawn(fn, tx, *args)
        except GONE as error:
            raise unavailable(error) from error

    async def horizon(self) -> int:
        """Return the cursor up to which the log is complete for good."""
        async with self._to_read.lend() as session:
            return (await session.run(HORIZON)).fetchone()[0]

    # Writing

    async def _write_loop(self) -> None:
        while (group := await self._queue.take()) is not None:
            try:
                await self._write_group(joined(group))
            finally:
                self._queue.done()

    async def _write_group(self, units: list[Unit]) -> None:
        if not await self._commit(units):
            for unit in units:
                await self._alone(unit)
        self.groups += 1
        self.units += len(units)
        for unit in units:
            for part in await self._apart(unit):
                part.answer()

    async def _apart(self, unit: Unit) -> list[Unit]:
        """Return a unit as it is done; the items of a call that failed are done one by one."""
        if not unit.broken:
            return [unit]
        parts = unit.apart()
        for part in parts:
            await self._alone(part)
        return parts

    async def _alone(self, unit: Unit) -> None:
        tries, until = 0, time.monotonic() + LOCKED_SECONDS
        while not await self._commit([unit]):
            tries += 1
            locked = postgres_errors.locked(unit.error) and time.monotonic() < until
            if tries >= AGAIN and not locked:
                return
            # Two that hold what the other needs do not meet again at the same moment.
            await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311

    async def _commit(self, units: list[Unit]) -> bool:
        """Run and commit units; False if all were rolled back and are to be run alone."""
        alone = len(units) == 1
        began = time.monotonic()
        cursors: Cursors | None = None
        try:
            async with self._to_write.lend() as session:
                session.writing = True
                transaction = session.connection.transaction()
                await transaction.start()
                try:
                    cursors, cache = Cursors(session), dict[Any, Any]()
                    for unit in units:
                        if not await self._run(session, cursors, cache, unit):
                            await transaction.rollback()
                            error = unit.error
                            self._undo(units)
                            unit.error = error
                            return alone
                except BaseException:
                    with contextlib.suppress(Exception):
                        await transaction.rollback()
                    raise
                await transaction.commit()
        except postgres_errors.AGAIN as error:
            self._undo(units)
            units[-1].error = postgres_errors.in_the_way(error)
            return False
        except GONE as error:
            self._refuse(units, error)
            return True
        except Exception as error:  # noqa: BLE001 - whatever it is, the writers go on
            self._undo(units)
            if alone:
                self._refuse(units, error)
            return alone
        finally:
            if cursors is not None and cursors.taken:
                self.notices.grew()
        self.failure = None
        self.commits.add(len(units), time.monotonic() - began)
        self._hand_over(units)
        return True

    def _refuse(self, units: Sequence[Unit], error: Exception) -> None:
        self._undo(units)
        before, self.failure = self.failure, f"{type(error).__name__}: {error}"
        self.commits.refuse(self.failure, time.monotonic())
        if self.failure != before:
            _log.error("the database refused a commit of %d units: %s", len(units), self.failure)
        for unit in units:
            unit.error = unavailable(error)

    async def _run(
        self, session: Session, cursors: Cursors, cache: dict[Any, Any], unit: Unit
    ) -> bool:
        """Run a unit; False if it failed after it had written something."""
        tx = unit.tx = Tx(cast("Any", session), self.hand, cursors.take, cache)
        tx.afterwards, tx.delayed = {}, {}
        unit.error = None
        before = session.writes
        try:
            unit.result = await greenlet_spawn(unit.fn, tx, *unit.args)
        except (asyncpg.PostgresError, *OUTDATED, asyncpg.InterfaceError, OSError, RunAgainError):
            raise
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller
            self._forget(unit)
            unit.error = error
            return session.writes == before
        return True

    def _undo(self, units: Sequence[Unit]) -> None:
        for unit in units:
            self._forget(unit)
            unit.error = None

    def _forget(self, unit: Unit) -> None:
        if unit.tx is not None:
            self.hand.release(unit.tx.leased)
            unit.tx = None

    def _hand_over(self, units: Sequence[Unit]) -> None:
        leased: list[Leased] = []
        due: dict[int, int] = {}
        after: Calls = {}
        delayed: Calls = {}
        for unit in units:
            if unit.tx is None:
                continue
            _gather(after, unit.tx.afterwards)
            _gather(delayed, unit.tx.delayed)
            leased += unit.tx.leased
            for endpoint, at in unit.tx.due.items():
                due[endpoint] = min(at, due.get(endpoint, at))
            for effect in unit.tx.effects:
                try:
                    effect()
                except Exception:  # noqa: BLE001 - the commit stands whatever it does
                    _log.exception("an effect of a committed unit failed")
        if leased or due:
            self.hand.take(leased, due)
        if after:
            self._queue.put(self._following(after))
        if delayed and not self._queue.closed:
            unit = self._following(delayed)
            timer = unit.loop.call_later(LATER_SECONDS, self._put_delayed, unit)
            self._delayed[unit] = timer

    def _put_delayed(self, unit: Unit) -> None:
        del self._delayed[unit]
        self._queue.put(unit)

    def _following(self, calls: Calls) -> Unit:
        """Return a unit that does what others left to be done after their commit."""
        unit = Unit(_run_all, (calls,), asyncio.get_running_loop())
        self._after.add(unit.future)
        unit.future.add_done_callback(self._followed)
        return unit

    def _followed(self, done: "asyncio.Future[None]") -> None:
        self._after.discard(done)
        if not done.cancelled() and done.exception() is not None:
            _log.warning("lanes are looked at later: %s", done.exception())

    async def settled(self) -> None:
        """Wait until nothing that units left to be done is under way."""
        while self._after:
            await asyncio.wait(set(self._after))


def _gather(calls: Calls, more: Calls | None) -> None:
    for fn, items in (more or {}).items():
        calls.setdefault(fn, []).extend(items)


def _run_all(tx: Tx, calls: Calls) -> None:
    for fn, items in calls.items():
        fn(tx, items)


def _ignore(topic: str) -> None:
    del topic
