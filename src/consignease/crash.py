"""Ending the process at a named point, for fault tests."""

import os
import signal
from collections.abc import Callable


def crash_points(wanted: str) -> Callable[[str], None] | None:
    """Make the hook that ends the process at a named point, for fault tests.

    Args:
        wanted: The name of a point and how many times to pass it first, such as
            ``after-commit:25``; empty for none.
    """
    if not wanted:
        return None
    point, _, count = wanted.partition(":")
    left = int(count or 0)

    def crash(name: str) -> None:
        nonlocal left
        if name == point:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    return crash
