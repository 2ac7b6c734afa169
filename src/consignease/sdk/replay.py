"""Remembering accepted requests, so that a copied one is refused."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Protocol


class ReplayGuard(Protocol):
    """A memory of accepted requests, shared by whatever verifies them.

    A retry of the sender is no replay: it carries a fresh timestamp, hence
    another key. To act once per message, store its id with your change.
    """

    def seen(self, key: str, expires: float) -> bool:
        """Tell whether the request was seen before, and remember it.

        Args:
            key: Message id and timestamp of the request.
            expires: Unix seconds after which the timestamp alone refuses it,
                so that it may be forgotten.
        """
        ...


class MemoryReplayGuard:
    """A replay guard for one process; safe to share between threads.

    Args:
        limit: The most requests remembered; beyond it the oldest is forgotten.
        clock: Gives Unix seconds.
    """

    def __init__(self, limit: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        """Start with an empty memory."""
        self._limit = limit
        self._clock = clock
        self._expires: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def seen(self, key: str, expires: float) -> bool:
        """Tell whether the request was seen before, and remember it."""
        with self._lock:
            if key in self._expires:
                return True
            now = self._clock()
            while self._expires and (
                len(self._expires) >= self._limit or next(iter(self._expires.values())) < now
            ):
                self._expires.popitem(last=False)
            self._expires[key] = expires
            return False
