"""Sweeping: what processes that share a database do for one another, every few seconds.

Each holds on to what is leased to it; makes due again what was leased to one
that is gone; lets lanes move on that were forgotten; and learns when endpoints
have work that another process has put off. The last two read all that waits,
so they come the more rarely the longer they take.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from consignease.edge.clock import Clock
from consignease.store import deliveries, lanes, leasing
from consignease.store.opening import AnyStore
from consignease.work.deliver import Deliverer

EVERY_SECONDS = 5.0
LANES = 500
"""How many forgotten lanes one round lets move on."""
SHARE = 400
"""How many times as long as it took a look at all that waits is not repeated."""
LONGEST_SECONDS = leasing.LEASE_MS / 1000
"""After how long it is repeated in any case: what a dead process left waits as for a lease."""

_log = logging.getLogger("consignease.sweep")


async def sweep(store: AnyStore, worker: Deliverer, clock: Clock) -> None:
    """Run until cancelled."""
    sweeper = Sweeper(store, worker, clock)
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await sweeper.once()
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("sweeping failed; it is tried again")


def held(worker: Deliverer) -> list[tuple[int, int]]:
    """Return cursor and endpoint of every delivery that is leased to a process."""
    return [
        (cursor, gate.no)
        for gate in worker.gates.values()
        for cursor in (*gate.sending, *(item.cursor for item in gate.queue))
    ]


class Sweeper:
    """The rounds of one process.

    Args:
        store: The database that it shares.
        worker: Its worker.
        clock: The time.
        seconds: Reads a clock that goes on steadily.
    """

    def __init__(
        self,
        store: AnyStore,
        worker: Deliverer,
        clock: Clock,
        *,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._seconds = seconds
        self._not_before: dict[Callable[[], Awaitable[bool]], float] = {}

    async def once(self) -> None:
        """Do one round."""
        now = self._clock.now()
        await self._store.write(deliveries.renew, held(self._worker), now + leasing.LEASE_MS)
        taken = await self._store.write(deliveries.reclaim, now, now)
        self._worker.meter.takeovers += taken
        if taken:
            _log.warning(
                "deliveries were leased to a process that is gone: %d are due again", taken
            )
        await self._rarely(self._forgotten)
        await self._rarely(self._put_off)

    async def _rarely(self, look: Callable[[], Awaitable[bool]]) -> None:
        started = self._seconds()
        if started >= self._not_before.get(look, 0.0) and not await look():
            ended = self._seconds()
            self._not_before[look] = ended + min((ended - started) * SHARE, LONGEST_SECONDS)

    async def _forgotten(self) -> bool:
        """Let lanes move on; tell whether there may be more."""
        moved = await self._store.write(lanes.sweep, self._clock.now(), LANES)
        if moved:
            _log.info("lanes that were forgotten move on: %d", moved)
        return moved == LANES

    async def _put_off(self) -> bool:
        self._worker.take((), await self._store.read(deliveries.next_due))
        return False
