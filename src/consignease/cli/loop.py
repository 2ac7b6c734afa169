"""How the process of a command runs: its event loop, its signals, its garbage collector."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end, on uvloop where it is installed; Ctrl-C cancels it.

    Raises:
        KeyboardInterrupt: It was interrupted.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_woken_by_signals(main))
    return uvloop.run(main)


def settle() -> None:
    """Take what a process has loaded out of the garbage collector's way, and let it look rarely.

    For a process that has begun its work and goes on for long: what is there now stays, and what
    comes goes mostly by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _woken_by_signals(main: Coroutine[Any, Any, T]) -> T:
    """Wait for a command on asyncio's own loop, which is deaf at one moment.

    A signal that comes after the last look for signals and before the wait for sockets would be
    heard when something else ends the wait. The loop's own handlers end it, and while there is
    one, every signal does.
    """
    with contextlib.suppress(NotImplementedError, AttributeError):  # on Windows every signal does
        asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, lambda: None)
    return await main
