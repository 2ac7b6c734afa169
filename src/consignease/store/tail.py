"""Waiting for the log to grow: readers at its end are woken by what is committed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SHORTEST, LONGEST = 0.01, 0.25
"""Seconds between two looks of one reader who found nothing the time before: doubled each time.

In a busy log most of what is appended is of no concern to one reader.
"""


class Tail:
    """The end of the log in one process, and who waits there."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._called = False
        self._ended = False

    @property
    def readers(self) -> int:
        """How many wait, or look."""
        return len(self._waiting)

    def grew(self, numbers: int = 1) -> None:
        """Wake who waits, if any numbers of the log were taken and can be read; in any thread."""
        if numbers and self._waiting and not self._called and self._loop is not None:
            self._called = True
            with contextlib.suppress(RuntimeError):  # that loop has ended; nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def end(self) -> None:
        """Let everybody go with what there is: the server ends."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._called = False
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    async def until(
        self, look: Callable[[], Awaitable[T]], enough: Callable[[T], bool], seconds: float
    ) -> T:
        """Look, and look again each time the log grew, until it is enough or the time is over.

        Args:
            look: Reads the log.
            enough: Tells whether what was read is worth an answer.
            seconds: How long to wait at most.

        Returns:
            What was read last.
        """
        loop = self._loop = asyncio.get_running_loop()
        end, pause = loop.time() + seconds, 0.0
        while True:
            # Before the look, so that nothing that is committed after it is missed.
            grown: asyncio.Future[None] = loop.create_future()
            self._waiting.add(grown)
            try:
                found = await look()
                left = end - loop.time()
                if enough(found) or left <= 0 or self._ended:
                    return found
                await asyncio.wait((grown,), timeout=left)
            finally:
                self._waiting.discard(grown)
            if pause:
                await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
            pause = min(LONGEST, max(SHORTEST, 2 * pause))
