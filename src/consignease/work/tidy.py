"""Tidying: what has to be done now and then, in small steps that disturb nobody."""

import asyncio
import logging

from consignease.app import portal, tasks, tickets, tries
from consignease.edge.clock import Clock
from consignease.store import housekeeping, idempotency
from consignease.store.opening import AnyStore

EVERY_SECONDS = 10.0
_log = logging.getLogger("consignease.tidy")


async def tidy(store: AnyStore, clock: Clock) -> None:
    """Run until cancelled: note the time, see to the database, drop what has ended."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await store.write(housekeeping.tick, clock.now())
            await store.upkeep(clock.now())
            while await store.write(idempotency.drop_expired, clock.now()):
                pass
            while await store.write(portal.drop_ended, clock.now()):
                pass
            while await store.write(tasks.drop_ended, clock.now()):
                pass
            while await store.write(tickets.drop_ended, clock.now()):
                pass
            while await store.write(tries.drop_ended, clock.now()):
                pass
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("tidying failed; it is tried again")
