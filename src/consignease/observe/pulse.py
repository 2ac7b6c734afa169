"""The pulse of the event loop, and of the threads and tasks that must not end.

The loop notes the time a few times a second. How late it was tells whether it
stood still; a thread beside it looks whether it still stands, and logs where.
The same beat sees a sender's thread or a task that has ended, and starts the
one again and names the other.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping

from consignease.work.outlets import Outlets

BEAT_SECONDS = 0.25
STALL_SECONDS = 1.0
"""How late a beat must be to be called a stall."""
RECENT_SECONDS = 60.0

_log = logging.getLogger("consignease.pulse")


class Pulse:
    """Watches one event loop; made and started on it.

    Args:
        outlets: The worker's senders.
        tasks: The loops that run beside it, by name.

    Attributes:
        lag: How late the last beat was, in seconds.
        stalls: How often the loop stood still.
        restarts: How often a sender's thread had ended and was started again.
    """

    def __init__(self, outlets: Outlets, tasks: Mapping[str, "asyncio.Task[None]"]) -> None:
        self.lag = 0.0
        self.stalls = 0
        self.restarts = 0
        self._outlets = outlets
        self._tasks = tasks
        self._named: set[str] = set()
        self._recent: deque[tuple[float, float]] = deque(maxlen=100)
        self._beat_at = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="consignease-pulse", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()

    def worst_recent(self) -> tuple[float, float]:
        """Return the longest stall of the last minute and how long ago it ended, in seconds."""
        now = time.monotonic()
        recent = [(late, now - at) for at, late in self._recent if now - at < RECENT_SECONDS]
        return max(recent, default=(0.0, 0.0))

    def ended_tasks(self) -> list[str]:
        """Name the loops that have ended, and why."""
        return [_why(name, task) for name, task in self._tasks.items() if task.done()]

    def _beat(self) -> None:
        now = time.monotonic()
        self.lag = max(0.0, now - self._beat_at - BEAT_SECONDS)
        if self.lag >= STALL_SECONDS:
            self.stalls += 1
            self._recent.append((now, self.lag))
            _log.warning("the event loop stood still for %.1f s", self.lag)
        self._beat_at = now
        if self._outlets.revive():
            self.restarts += 1
        for name, task in self._tasks.items():
            if name not in self._named and task.done() and not task.cancelled():
                self._named.add(name)
                _log.critical("%s; restart the server", _why(name, task))
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def _watch(self) -> None:
        """In a thread of its own: say where the loop stands, while it does."""
        said = 0.0
        while not self._over.wait(STALL_SECONDS / 2):
            beat = self._beat_at
            if time.monotonic() - beat > BEAT_SECONDS + STALL_SECONDS and beat != said:
                said = beat
                frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                where = "".join(traceback.format_stack(frame, limit=8)) if frame else ""
                _log.error("the event loop stands still at:\n%s", where.rstrip())


def _why(name: str, task: "asyncio.Task[None]") -> str:
    error = None if task.cancelled() else task.exception()
    cause = f"{type(error).__name__}: {error}" if error else "without an error"
    return f"the loop {name!r} has ended ({cause})"
