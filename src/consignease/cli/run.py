"""Running a server in the foreground, for the commands that start one."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from consignease.cli.loop import run, settle
from consignease.cli.supervisor import SETUP_TOKEN, Supervisor, command
from consignease.domain.faults import Unavailable
from consignease.folder import Folder, FolderError
from consignease.observe.logs import configure
from consignease.server import Server, listen_on
from consignease.settings import Settings


def run_server(
    settings: Settings, ready: Callable[[Server], None], listener: socket.socket | None = None
) -> None:
    """Start a server, say when it is ready, and serve until the process is asked to end.

    Args:
        settings: How to run.
        ready: Called when it answers.
        listener: The socket of a supervisor, with whom this process ends.

    Raises:
        ClickException: it cannot start; says what to do.
    """
    _log_to_stderr(settings)
    parent = os.getppid()

    async def serve() -> None:
        server = Server(settings, Folder(Path(settings.data_dir)))
        server.setup_token = os.environ.get(SETUP_TOKEN) or server.setup_token
        await server.start(listener)
        settle()
        ready(server)
        if listener is not None:
            _end_with(parent, server.end)
        await server.run_until_signal()

    try:
        run(serve())
    except (FolderError, Unavailable) as error:
        raise _not_started(error) from None
    except OSError as error:
        raise _cannot_listen(settings, error) from None


def run_servers(settings: Settings, ready: Callable[[dict[str, Any]], None]) -> None:
    """Keep `settings.workers` servers running until the process is asked to end.

    Args:
        settings: How to run.
        ready: Called with what one of them says of itself when all answer.

    Raises:
        ClickException: the address cannot be listened on; says what to do.
    """
    _log_to_stderr(settings)
    try:
        listener = listen_on(settings.host, settings.port)
    except OSError as error:
        raise _cannot_listen(settings, error) from None

    async def supervise() -> int:
        workers, grace = settings.workers, settings.grace
        return await Supervisor(command(), listener, workers=workers, grace=grace).run(ready)

    with listener:
        code = run(supervise())
    if code:
        raise SystemExit(code)


def _not_started(error: FolderError | Unavailable) -> click.ClickException:
    return click.ClickException(error.words if isinstance(error, Unavailable) else str(error))


def _cannot_listen(settings: Settings, error: OSError) -> click.ClickException:
    message = f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}."
    if error.strerror and "in use" in error.strerror:
        message += " Choose another with --port, or stop what listens there."
    return click.ClickException(message)


def run_worker(
    settings: Settings, ready: Callable[[Server], None], *, with_parent: bool = False
) -> None:
    """Deliver until the process is asked to end, or its parent has ended.

    Raises:
        ClickException: it cannot start; says what to do.
    """
    _log_to_stderr(settings)
    parent = os.getppid()

    async def work() -> None:
        server = Server(settings, Folder(Path(settings.data_dir)))
        await server.start_worker()
        settle()
        ready(server)
        if with_parent:
            _end_with(parent, server.end)
        await server.run_until_signal()

    try:
        run(work())
    except (FolderError, Unavailable) as error:
        raise _not_started(error) from None


def _end_with(parent: int, end: Callable[[], None]) -> None:
    """Call `end` when the parent process has ended; looked at every second."""
    if os.getppid() == parent:
        asyncio.get_running_loop().call_later(1, _end_with, parent, end)
    else:
        end()


def _log_to_stderr(settings: Settings) -> None:
    configure(sys.stderr, level=settings.log_level, form=settings.log_format)
