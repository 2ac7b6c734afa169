"""Units that wait for PostgreSQL, and when the next transaction takes them.

Statements are over many rows at once, so few large transactions cost a database half
of what many small ones do. So units wait for the transaction that is under way; another
one begins beside it only for a whole group, or when the first takes long.
"""

import asyncio
from collections import deque

from consignease.store.units import Unit

GROUP_UNITS = 64
"""How many units one transaction takes at most."""
LONG_SECONDS = 0.03
"""After how long units no longer wait for a transaction that is under way."""


class Queue:
    """What waits; on one event loop.

    Attributes:
        closed: Whether nothing more is to be put in.
    """

    def __init__(self) -> None:
        self.closed = False
        self._waiting: deque[Unit] = deque()
        self._changed = asyncio.Event()
        self._under_way = 0
        self._taken_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def put(self, unit: Unit) -> None:
        """Let a unit wait."""
        self._waiting.append(unit)
        if self._may_begin():
            self._changed.set()
        else:
            self._look_later()

    def close(self) -> None:
        """Let everybody go who waits for units, once none is left."""
        self.closed = True
        self._changed.set()

    async def take(self) -> list[Unit] | None:
        """Return a group when its transaction may begin; None when nothing will come any more.

        `done` is to be called when it has ended.
        """
        while not self._waiting or not self._may_begin():
            if self._waiting:
                self._look_later()
            elif self.closed:
                self._cancel()
                return None
            self._changed.clear()
            await self._changed.wait()
        self._taken_at = asyncio.get_running_loop().time()
        self._under_way += 1
        return [self._waiting.popleft() for _ in range(min(GROUP_UNITS, len(self._waiting)))]

    def done(self) -> None:
        """Note that a group's transaction has ended."""
        self._under_way -= 1

    def _may_begin(self) -> bool:
        if not self._under_way or self.closed or len(self._waiting) >= GROUP_UNITS:
            return True
        return asyncio.get_running_loop().time() >= self._taken_at + LONG_SECONDS

    def _look_later(self) -> None:
        if self._timer is None:
            at = self._taken_at + LONG_SECONDS
            self._timer = asyncio.get_running_loop().call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        self._changed.set()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
