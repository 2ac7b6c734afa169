"""The backlog as one process knows it: read when asked for, and not too often."""

import asyncio
import time
from collections.abc import Callable

from consignease.store.backlog import Depth, depth
from consignease.store.opening import AnyStore

SHARE = 200
"""A reading is used again for this many times what it took, so that reading never costs more
than half a percent of a core."""
AT_LEAST_SECONDS, AT_MOST_SECONDS = 1.0, 60.0
READ_SECONDS = 5.0


class Backlog:
    """What is not delivered yet, by instance.

    Args:
        store: Where it is read.
        now: The time in milliseconds.
    """

    def __init__(self, store: AnyStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._found: dict[str, Depth] = {}
        self._again_at = 0.0
        self._lock = asyncio.Lock()

    async def read(self) -> dict[str, Depth]:
        """Return the numbers, at most a minute old.

        Raises:
            Unavailable, TimeoutError: the database does not answer.
        """
        async with self._lock:
            began = time.monotonic()
            if began >= self._again_at:
                async with asyncio.timeout(READ_SECONDS):
                    self._found = await self._store.read(depth, self._now())
                ended = time.monotonic()
                wait = min(AT_MOST_SECONDS, max(AT_LEAST_SECONDS, (ended - began) * SHARE))
                self._again_at = ended + wait
            return self._found
