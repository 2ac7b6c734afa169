"""Exchanges that wait for an answer, all of them equally long: one timer watches over them."""

import asyncio
from typing import Protocol


class Waiter(Protocol):
    """One exchange that waits."""

    def too_late(self) -> None:
        """It has waited for too long."""
        ...


class Patience:
    """Who waits, the longest first.

    Args:
        seconds: How long each may.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[Waiter, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, one: Waiter) -> None:
        """Let one wait from now on."""
        loop = asyncio.get_running_loop()
        self._until[one] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)

    def end(self, one: Waiter) -> None:
        """It waits no more."""
        self._until.pop(one, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now, self._timer = loop.time(), None
        late = [one for one, until in self._until.items() if until <= now]
        for one in late:
            self.end(one)
            one.too_late()
        if self._until and self._timer is None:
            first = next(iter(self._until.values()))
            self._timer = loop.call_at(first, self._look)
