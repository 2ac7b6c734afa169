"""Running a server in the foreground, for the commands that start one."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from consignease.cli.loop import runner
from consignease.domain.faults import Unavailable
from consignease.folder import Folder, FolderError
from consignease.server import Server
from consignease.settings import Settings


def run_server(settings: Settings, ready: Callable[[Server], None]) -> None:
    """Start a server, say when it is ready, and serve until the process is asked to end.

    Raises:
        ClickException: it cannot start; says what to do.
    """
    _log_to_stderr(settings)

    async def serve() -> None:
        server = Server(settings, Folder(Path(settings.data_dir)))
        await server.start()
        ready(server)
        await server.run_until_signal()

    try:
        runner()(serve())
    except (FolderError, Unavailable) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        message = f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}."
        if error.strerror and "in use" in error.strerror:
            message += " Choose another with --port, or stop what listens there."
        raise click.ClickException(message) from None


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
        ready(server)
        if with_parent:
            _end_with(parent, server.end)
        await server.run_until_signal()

    try:
        runner()(work())
    except (FolderError, Unavailable) as error:
        raise click.ClickException(str(error)) from None


def _end_with(parent: int, end: Callable[[], None]) -> None:
    """Call `end` when the parent process has ended; looked at every second."""
    if os.getppid() == parent:
        asyncio.get_running_loop().call_later(1, _end_with, parent, end)
    else:
        end()


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
