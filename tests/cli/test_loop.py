"""The event loop of commands."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import asyncio, signal, threading
from consignease.cli.loop import run

def interrupt():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

async def command():
    threading.Timer(0.5, interrupt).start()
    await asyncio.sleep(60)

try:
    run(command())
except KeyboardInterrupt:
    print("interrupted")
"""
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None"


@pytest.mark.parametrize("before", ["", WITHOUT_UVLOOP], ids=["uvloop", "asyncio"])
def test_a_signal_that_does_not_wake_the_waiting_thread_is_heard_at_once(before: str) -> None:
    """The same as one that comes between the last look for signals and the wait for sockets."""
    done = subprocess.run(
        [sys.executable, "-c", before + INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr
