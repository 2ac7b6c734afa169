"""`consignease listen`: events reach an application on this machine, without a tunnel."""

import asyncio
import getpass
import os
import re
import socket
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import click

from consignease.cli.dotenv import merge_dotenv
from consignease.cli.listen_output import Screen
from consignease.cli.loop import run
from consignease.cli.remote import remote, server_option
from consignease.cli.saved_request import UnreadableRequestError, parse_header
from consignease.cli.target import data_dir_option, instance_option
from consignease.edge.guard import DEVELOPMENT, verdict
from consignease.tunnel.agent.listen import Agent, Forward, Server, StopError
from consignease.tunnel.protocol import Event, Open, Opened, Result
from consignease.wire.events import EVENT_TYPES

EXAMPLE = "consignease listen --forward-to http://localhost:3000/api/webhooks"
FAILED_APP, NOT_IN_TIME, INTERRUPTED = 5, 1, 130

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_URL = re.compile(r"https?://[^\s/?#@\\]+(?:[/?][^\s#]*)?", re.ASCII)


@click.command()
@click.option("--forward-to", "url", help="Where your application takes webhooks.")
@click.option("--events", default="", help="Types wanted: 'user.*,!user.deleted'.  [default: all]")
@click.option("--since", help="Bring back: 10m, 2h, 1d, or a cursor of the log.")
@click.option("--name", help="Names this listener and its secret.  [default: user and machine]")
@click.option("--header", "headers", multiple=True, help="'name: value' to add; may repeat.")
@click.option("--parallel", is_flag=True, help="Do not wait for a user's earlier events.")
@click.option(
    "--max-concurrency",
    type=click.IntRange(1, 64),
    default=10,
    show_default=True,
    help="Requests to the application at the same time.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    help="Seconds that the application may take to answer.",
)
@click.option("--save", help="Keep each request in this folder, or in one .jsonl file.")
@click.option("--write-env", help="Write the signing secret into this .env file.")
@click.option("--print-secret", is_flag=True, help="Print the signing secret and exit.")
@click.option("--fail-on", type=click.Choice(["5xx", "4xx", "any"]), help="Exit 5 after such.")
@click.option("--exit-after", type=click.IntRange(1), help="Exit 0 after so many successes.")
@click.option("--within", type=click.FloatRange(0.1), help="Exit 1 after so many seconds.")
@click.option(
    "--output",
    type=click.Choice(["lines", "json", "quiet"]),
    default="lines",
    show_default=True,
    help="What to print.",
)
@server_option
@instance_option
@data_dir_option
def listen(
    *,
    url: str | None,
    events: str,
    since: str | None,
    name: str | None,
    headers: tuple[str, ...],
    parallel: bool,
    max_concurrency: int,
    timeout: float,
    save: str | None,
    write_env: str | None,
    print_secret: bool,
    fail_on: str | None,
    exit_after: int | None,
    within: float | None,
    output: str,
    server: str | None,
    instance: str,
    data_dir: str,
) -> None:
    """Take events to an application on this machine.

    No tunnel and no account: the agent fetches events from the server and
    posts them, byte for byte, with their signatures. The server keeps the
    place: what happens while you are away waits, up to a day. An application
    that is down is tried again after 1, 5 and 30 seconds, then every minute
    for an hour.

    Exits 2 for wrong usage, 3 for a refused key, 4 when another process
    listens under the same name, 5 under --fail-on, 130 when interrupted.
    """
    if url is None and not print_secret:
        message = f"Say where to take events: {EXAMPLE}"
        raise click.UsageError(message)
    place = remote(server, data_dir, instance)
    wanted = _wanted(name, events, since, parallel=parallel, timeout=timeout)
    forward = Forward(
        url=_checked(url or "http://127.0.0.1/"),
        headers=_lines(headers),
        concurrency=max_concurrency,
        timeout=timeout,
        judge=_judge,
    )
    screen = Screen(
        "quiet" if print_secret else output, forward.url, save=None if save is None else Path(save)
    )
    watcher = _Watcher(screen, write_env, fail_on, exit_after, print_secret=print_secret)
    origin = Server(locate=place.locate, key=place.key)
    sys.exit(_run(lambda: Agent(origin, forward, wanted, watcher), watcher, within))


def _run(make: Callable[[], Agent], watcher: "_Watcher", within: float | None) -> int:
    async def listening() -> int:
        agent = asyncio.ensure_future(make().run())
        done = asyncio.ensure_future(watcher.done())
        try:
            await asyncio.wait({agent, done}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if agent.done():
                agent.result()
            if not done.done():
                click.echo(f"Stopped: {within:g} s are over.", err=True)
                return NOT_IN_TIME
            return done.result()
        finally:
            for task in (agent, done):
                task.cancel()
            await asyncio.gather(agent, done, return_exceptions=True)

    try:
        return run(listening())
    except StopError as error:
        click.echo(str(error), err=True)
        return error.code
    except KeyboardInterrupt:
        click.echo("Stopped. What happens now waits for your return.", err=True)
        return INTERRUPTED


class _Watcher:
    """Shows what happens and knows when it is enough."""

    def __init__(
        self,
        screen: Screen,
        write_env: str | None,
        fail_on: str | None,
        exit_after: int | None,
        *,
        print_secret: bool,
    ) -> None:
        self._screen = screen
        self._write_env = write_env
        self._fail_on = fail_on
        self._left = exit_after
        self._print_secret = print_secret
        self._code: int | None = None
        self._enough = asyncio.Event()

    async def done(self) -> int:
        """Wait until it is enough; return the exit code."""
        await self._enough.wait()
        await asyncio.sleep(0.1)  # the last result is reported
        return self._code or 0

    def opened(self, opened: Opened) -> None:
        """Write the secret where it is wanted, then show it."""
        if self._write_env is not None:
            merge_dotenv(Path(self._write_env), {"CLERK_WEBHOOK_SIGNING_SECRET": opened.secret})
            self._write_env = None
        self._screen.opened(opened)
        if self._print_secret:
            click.echo(opened.secret)
            self._enough.set()

    def lost(self, reason: str) -> None:
        """Show it."""
        self._screen.lost(reason)

    def forwarded(self, event: Event, result: Result) -> None:
        """Show it and count."""
        self._screen.forwarded(event, result)
        well = result.phase is None and 200 <= result.status < 300
        if well and self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._enough.set()
        if not well and self._fails(result):
            self._code = FAILED_APP
            self._enough.set()

    def _fails(self, result: Result) -> bool:
        if self._fail_on is None:
            return False
        if self._fail_on == "any" or result.phase is not None:
            return True
        return result.status >= (500 if self._fail_on == "5xx" else 400)


def _wanted(
    name: str | None, events: str, since: str | None, *, parallel: bool, timeout: float
) -> Open:
    ago, cursor = _since(since)
    user, machine = getpass.getuser(), socket.gethostname()
    usual = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{user}.{machine}")[:100]
    return Open(
        name=name or usual,
        owner=f"process {os.getpid()} of {user} on {machine}"[:200],
        types=_types(events),
        ordered=not parallel,
        since_ms=ago,
        after=cursor,
        timeout_ms=round(timeout * 1000),
    )


def _types(text: str) -> list[str] | None:
    """Choose event types: patterns add, patterns after an exclamation mark take away."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        return None
    chosen: set[str] = set() if any(not part.startswith("!") for part in parts) else {*EVENT_TYPES}
    for part in parts:
        found = {one for one in EVENT_TYPES if fnmatchcase(one, part.removeprefix("!"))}
        if not found:
            message = f"No event type fits {part!r}. Example: --events 'user.*,!user.deleted'"
            raise click.UsageError(message)
        chosen = chosen - found if part.startswith("!") else chosen | found
    if not chosen:
        message = "--events leaves no event type."
        raise click.UsageError(message)
    return sorted(chosen)


def _since(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    if text.isascii() and text.isdigit() and len(text) < 16:
        return None, int(text)
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) < 9 and unit in _UNITS):
        message = f"--since is a time such as 10m, 2h or 1d, or a cursor, not {text!r}."
        raise click.UsageError(message)
    return int(number) * _UNITS[unit] * 1000, None


def _checked(url: str) -> str:
    if re.fullmatch(r"\d{1,5}", url):
        message = f"--forward-to is a URL. Example: {EXAMPLE.replace('3000', url)}"
        raise click.UsageError(message)
    if not _URL.fullmatch(url):
        message = f"--forward-to {url!r} is no http:// or https:// URL. Example: {EXAMPLE}"
        raise click.UsageError(message)
    return url


def _lines(headers: tuple[str, ...]) -> tuple[str, ...]:
    lines: list[str] = []
    for text in headers:
        try:
            name, value = parse_header(text)
        except UnreadableRequestError as error:
            raise click.UsageError(f"--header: {error}") from None
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
            raise click.UsageError(f"--header: {text!r} cannot be sent. Example: 'X-Debug: 1'")
        if name.lower() in {"content-length", "transfer-encoding", "host", "connection"}:
            raise click.UsageError(f"--header: {name} is set by the agent.")
        lines.append(f"{name}: {value}")
    return tuple(lines)


def _judge(address: str) -> str | None:
    """Refuse what no policy opens: metadata, link-local, reserved addresses."""
    judged = verdict(address, DEVELOPMENT)
    return None if judged.ok else judged.reason
