"""`consignease serve --workers N`: one command keeps N server processes on one listening socket.

The supervisor opens the socket and hands it to every process; whichever is idle
accepts. It holds no data and opens no database: when it is killed, the
processes see that their parent is gone and end in good order.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a process that ended is started again: doubled each time it ends soon."""
STEADY_SECONDS = 60.0
"""How long a process runs to count as one that works."""
AFTER_GRACE = 10.0
"""Seconds beyond the grace of requests after which a process that does not end is killed."""
SETUP_TOKEN = "CONSIGNEASE_SETUP_TOKEN"  # noqa: S105 - a variable's name

_log = logging.getLogger("consignease.supervisor")


class Supervisor:
    """Server processes that share one listening socket.

    Args:
        command: What starts one; the number of the socket is added to it.
        listener: The socket.
        workers: How many processes.
        grace: Seconds that requests in flight may take when they stop.
    """

    def __init__(
        self, command: Sequence[str], listener: socket.socket, *, workers: int, grace: float
    ) -> None:
        self._command = [*command, str(listener.fileno())]
        self._listener = listener
        self._workers = workers
        self._grace = grace
        self._stopping = asyncio.Event()
        # The one-time link of the first start must work whichever process answers.
        self._env = {**os.environ, SETUP_TOKEN: secrets.token_urlsafe(24)}
        self.processes: dict[int, asyncio.subprocess.Process] = {}

    async def run(self, ready: Callable[[dict[str, Any]], None]) -> int:
        """Keep the processes running until this one is asked to end.

        Args:
            ready: Called with what the first process says of itself once all answer.

        Returns:
            The exit code: that of the first process, if it cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        # One alone first: it makes the schema, the keys, and says what is wrong if it cannot.
        said = await self._start(1)
        if said is None:
            return 0 if self._stopping.is_set() else await self.processes[1].wait() or 1
        started = await asyncio.gather(*(self._start(n) for n in range(2, self._workers + 1)))
        if all(started) and not self._stopping.is_set():
            ready(said)
        await asyncio.gather(*(self._keep(n) for n in range(1, self._workers + 1)))
        return 0

    async def _start(self, number: int) -> dict[str, Any] | None:
        """Start a process; returns what it says when it answers, None if it ends before."""
        process = self.processes[number] = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env=self._env,
            pass_fds=[self._listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the supervisor, which passes it on once
        )
        assert process.stdout is not None
        line = asyncio.create_task(process.stdout.readline())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([line, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not line.done():
            await self._end(process)
        said = await line
        return json.loads(said) if said else None

    async def _keep(self, number: int) -> None:
        """Start a process again whenever it ends, until all are to end."""
        pause, since = FIRST_PAUSE, time.monotonic()
        while True:
            process = self.processes[number]
            code = await self._ended(process)
            if code is None:
                return
            if time.monotonic() - since > STEADY_SECONDS:
                pause = FIRST_PAUSE
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            _log.warning(
                "server process %d of %d (%d) %s; it is started again in %.1f s",
                *(number, self._workers, process.pid, how, pause),
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            if self._stopping.is_set():
                return
            pause, since = min(2 * pause, LONGEST_PAUSE), time.monotonic()
            if await self._start(number) is not None:
                _log.info("server process %d runs as %d", number, self.processes[number].pid)

    async def _ended(self, process: asyncio.subprocess.Process) -> int | None:
        """Wait until a process ends by itself and return its code; None when all are to end."""
        ending = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._stopping.is_set():
            await self._end(process)
            await ending
            return None
        return ending.result()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Ask a process to end; kill it when it does not in time."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._grace + AFTER_GRACE):
                await process.wait()
        except TimeoutError:
            _log.error("server process %d did not end in time and is killed", process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def command() -> list[str]:
    """Return what starts one process: this very command, told that it is one of several."""
    return [sys.executable, "-m", "consignease.cli.main", *sys.argv[1:], "--listener"]
