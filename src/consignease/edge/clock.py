"""Time: one reading that never goes back, and one that a wall shows."""

import time
from collections.abc import Callable


class Clock:
    """Milliseconds since 1970 that move on steadily.

    Leases and due times follow `now`, which starts at the wall clock and from
    then on counts elapsed time only: a clock that is set forward or back
    neither fires nor delays a retry. Signatures carry `wall`, because that is
    what receivers compare with.

    Args:
        at_least: The latest reading of a former run, in milliseconds.
        wall: Reads the wall clock, in Unix seconds.
    """

    def __init__(self, at_least: int = 0, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._base = max(round(wall() * 1000), at_least)
        self._start = time.monotonic_ns()

    def now(self) -> int:
        """Return the steady time in milliseconds."""
        return self._base + (time.monotonic_ns() - self._start) // 1_000_000

    def wall(self) -> float:
        """Return the wall clock in Unix seconds."""
        return self._wall()
