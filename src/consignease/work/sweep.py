"""Sweeping: what processes that share a database do for one another, every few seconds.

Each holds on to what is leased to it; makes due again what was leased to one
that is gone; lets lanes move on that were forgotten; and learns when endpoints
have work that another process has put off.
"""

import asyncio
import logging

from consignease.edge.clock import Clock
from consignease.store import deliveries, lanes, leasing
from consignease.store.opening import AnyStore
from consignease.work.deliver import Deliverer

EVERY_SECONDS = 5.0
LANES = 500
"""How many forgotten lanes one round lets move on."""
_log = logging.getLogger("consignease.sweep")


async def sweep(store: AnyStore, worker: Deliverer, clock: Clock) -> None:
    """Run until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await once(store, worker, clock)
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("sweeping failed; it is tried again")


def held(worker: Deliverer) -> list[tuple[int, int]]:
    """Return cursor and endpoint of every delivery that is leased to a process."""
    return [
        (cursor, gate.no)
        for gate in worker.gates.values()
        for cursor in (*gate.sending, *(item.cursor for item in gate.queue))
    ]


async def once(store: AnyStore, worker: Deliverer, clock: Clock) -> None:
    """Do one round."""
    now = clock.now()
    await store.write(deliveries.renew, held(worker), now + leasing.LEASE_MS)
    taken = await store.write(deliveries.reclaim, now, now)
    worker.meter.takeovers += taken
    if taken:
        _log.warning("deliveries were leased to a process that is gone: %d are due again", taken)
    forgotten = await store.write(lanes.sweep, now, LANES)
    if forgotten:
        _log.info("lanes that were forgotten move on: %d", forgotten)
    worker.take((), await store.read(deliveries.next_due))
