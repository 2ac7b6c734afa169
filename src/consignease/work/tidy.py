"""Tidying: what has to be done now and then, in small steps that disturb nobody."""

import asyncio
import logging

from consignease.app import tasks
from consignease.edge.clock import Clock
from consignease.store import housekeeping
from consignease.store.opening import AnyStore

EVERY_SECONDS = 10.0
_log = logging.getLogger("consignease.tidy")


async def tidy(store: AnyStore, clock: Clock) -> None:
    """Run until cancelled: note the time, drop idempotency keys that have ended, and tasks that did."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await store.write(housekeeping.tick, clock.now())
            while await store.write(housekeeping.drop_expired_keys, clock.now()):
                pass
            while await store.write(tasks.drop_ended, clock.now()):
                pass
        except Exception:  # noqa: BLE001 - the next round may do better
            _log.exception("tidying failed; it is tried again")
