"""Retention: what is kept no longer goes, a little at a time, behind everything else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Concatenate, ParamSpec, TypeVar

from consignease.app import retention
from consignease.domain.retention import Keep, before
from consignease.edge.clock import Clock
from consignease.store.opening import AnyStore
from consignease.store.tx import Tx
from consignease.work.parts import PATIENCE_MS, Parts

P = ParamSpec("P")
T = TypeVar("T")

EVERY_SECONDS = 10.0
ROUND_SECONDS = 20.0
"""How long one round takes at most; another process may have the next."""
SHARE = 4
"""How many times as long as it worked it rests: at most a fifth of the time is its own."""
WEIGHING_SHARE = 100
"""How many times as long as it took a backlog is not weighed again: a hundredth of a core each."""
_log = logging.getLogger("consignease.retain")


class _EndOfRound(Exception):  # noqa: N818 - not an error
    """This round's time is over."""


class Rounds:
    """Rounds of retention over one store.

    Args:
        store: Runs the units of work.
        keep: For how long what is kept.
        rest: Waits for a number of seconds after each unit.
        crash: Called at each point at which fault tests end the process.
    """

    def __init__(
        self,
        store: AnyStore,
        keep: Keep,
        *,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
        crash: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._keep = keep
        self._parts = Parts(store, self._write, self._paced, crash)
        self._rest = rest
        self._ends = 0.0
        self._weighed: dict[int, float] = {}
        self._boundaries_found: dict[tuple[int | None, int], int] = {}

    async def once(self, now: int) -> None:
        """Do one round, unless another process is at it."""
        self._ends = monotonic() + ROUND_SECONDS
        if not await self._store.write(retention.turn, now, now + round(ROUND_SECONDS * 1000)):
            return
        try:
            await self._parts.finish()
            await self._bodies(now)
            await self._erasures(now)
            await self._backlogs(now)
            await self._rows(now)
        except _EndOfRound:
            _log.debug("retention goes on in the next round")
        finally:
            await self._store.write(retention.end_turn, now)

    async def _write(
        self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._paced(self._store.write, fn, *args, **kwargs)

    async def _paced(self, do: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        started = monotonic()
        found = await do(*args, **kwargs)
        ended = monotonic()
        if ended > self._ends:
            raise _EndOfRound
        await self._rest((ended - started) * SHARE)
        return found

    async def _boundary(self, now: int, kept: int | None, ahead: int = 0) -> int:
        # It only moves forward, and where there is nothing to do it is where it was.
        low = self._boundaries_found.get((kept, ahead), 0)
        found = await self._store.read(retention.boundary, before(now + ahead, kept), low)
        self._boundaries_found[kept, ahead] = found
        return found

    async def _bodies(self, now: int) -> None:
        while await self._write(retention.forget_due, now):
            pass
        if self._keep.codes is not None:
            below = await self._boundary(now, self._keep.codes)
            while await self._write(retention.forget_codes, below, now):
                pass
        if self._keep.bodies is not None:
            below = await self._boundary(now, self._keep.bodies)
            while await self._write(retention.forget_bodies, below, now):
                pass

    async def _erasures(self, now: int) -> None:
        if not self._keep.deleted_users:
            horizon = await self._store.horizon()
            while await self._write(retention.note_deleted_users, horizon):
                pass
        while await self._write(retention.erase, now):
            pass

    async def _backlogs(self, now: int) -> None:
        keep = self._keep
        below = await self._boundary(now, keep.backlog)
        for endpoint, name, most in await self._store.read(_idle, now):
            end = await self._store.read(
                retention.surplus, endpoint, below, keep.backlog_deliveries
            )
            end = max(
                end, await self._overweight(endpoint, keep.backlog_bytes if most is None else most)
            )
            dropped = 0
            while count := await self._write(retention.drop_backlog, endpoint, end, now):
                dropped += count
            if dropped:
                _log.warning(
                    "endpoint %s is sent nothing for now, and its backlog is too old, too long or "
                    "too large: %d deliveries were dropped; they can be recovered",
                    name,
                    dropped,
                )

    async def _overweight(self, endpoint: int, most: int | None) -> int:
        """Return the cursor below which a backlog is too large.

        All that waits has to be weighed, so it is done rarely where that takes long.
        """
        if not most or monotonic() < self._weighed.get(endpoint, 0.0):
            return 0
        started = monotonic()
        found = await self._store.read(retention.overweight, endpoint, most)
        ended = monotonic()
        self._weighed[endpoint] = ended + (ended - started) * WEIGHING_SHARE
        return found

    async def _rows(self, now: int) -> None:
        if self._keep.attempts is not None:
            below, soon = await self._boundaries(now, self._keep.attempts)
            await self._parts.attempts(0, below, soon, now)
        if self._keep.messages is not None:
            below, soon = await self._boundaries(now, self._keep.messages)
            await self._parts.messages(below, soon, now)

    async def _boundaries(self, now: int, kept: int) -> tuple[int, int]:
        """Return the cursors before which everything is old, and will be soon."""
        return await self._boundary(now, kept), await self._boundary(now, kept, PATIENCE_MS)


def _idle(tx: Tx, now: int) -> list[tuple[int, str, int | None]]:
    rows: list[Any] = retention.idle_endpoints(tx, now)
    return [(row["no"], row["id"], row["max_backlog_bytes"]) for row in rows]


async def retain(store: AnyStore, clock: Clock, keep: Keep) -> None:
    """Run until cancelled."""
    rounds = Rounds(store, keep)
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await rounds.once(clock.now())
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("retention failed; it is tried again")
