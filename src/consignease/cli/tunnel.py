"""`consignease tunnel`: an application on this machine gets a public URL."""

import getpass
import hashlib
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import click

from consignease.cli.dotenv import read_dotenv
from consignease.cli.listen import INTERRUPTED
from consignease.cli.loop import run, settle
from consignease.cli.remote import Remote, remote, server_option
from consignease.cli.target import data_dir_option, instance_option
from consignease.cli.tunnel_output import Screen
from consignease.edge.guard import DEVELOPMENT, verdict
from consignease.tunnel.agent.inspector.server import Inspector
from consignease.tunnel.agent.listen import Server, StopError
from consignease.tunnel.agent.names import list_names, release_name
from consignease.tunnel.agent.records import Recorder
from consignease.tunnel.agent.target import Target, TargetError, parse_target
from consignease.tunnel.agent.tunnel import Agent
from consignease.tunnel.frames import Hello
from consignease.wire.explain import SECRET_VARIABLE, WRONG_VARIABLES

EXAMPLE = "consignease tunnel 3000 --url fawn-two-nominally"

WORDS = [
    "amber",
    "brook",
    "cedar",
    "dawn",
    "ember",
    "fern",
    "grove",
    "heron",
    "iris",
    "jade",
    "kite",
    "lark",
    "maple",
    "north",
    "olive",
    "pine",
    "quill",
    "reed",
    "sage",
    "tide",
    "umber",
    "vale",
    "wren",
    "yarrow",
    "fawn",
    "moss",
    "dune",
    "finch",
    "birch",
    "cliff",
    "delta",
    "elder",
]

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_URL = re.compile(r"https?://(?P<host>[^/]+)(?:/t/(?P<path>[^/]+))?/?")


@click.command()
@click.argument("to", required=False)
@click.option("--url", "name", help="The tunnel's name: yours for good.  [default: made for you]")
@click.option(
    "--host-header",
    default="rewrite",
    show_default=True,
    help="rewrite: the application sees its own address. preserve: it sees the public one.",
)
@click.option("--takeover", is_flag=True, help="End another agent that has this name open.")
@click.option("--pool", is_flag=True, help="Share the name with other agents that say --pool.")
@click.option("--allow-remote-target", is_flag=True, help="Lead to another machine than this one.")
@click.option(
    "--inspect",
    type=click.IntRange(0, 65535),
    default=4040,
    show_default=True,
    help="Port of the inspector on 127.0.0.1; 0 for none.",
)
@click.option("--list", "show_names", is_flag=True, help="List the names that are yours, and exit.")
@click.option("--release", help="Give this name up, and exit.")
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
def tunnel(
    *,
    to: str | None,
    name: str | None,
    host_header: str,
    takeover: bool,
    pool: bool,
    allow_remote_target: bool,
    inspect: int,
    show_names: bool,
    release: str | None,
    output: str,
    server: str | None,
    instance: str,
    data_dir: str,
) -> None:
    r"""Give an application on this machine a public URL.

    TO is a port, a host:port or an http:// URL. The name belongs to your
    instance's secret key from the first time on, so the URL stays. Requests
    reach the application as if they were sent to it directly, bodies byte for
    byte; WebSockets pass too. When the connection breaks, the agent comes back
    by itself.

    \b
      consignease tunnel 3000
      consignease tunnel 3000 --url fawn-two-nominally
      consignease tunnel http://localhost:5173 --host-header preserve

    Exits 2 for wrong usage, 3 for a refused key, 4 when the name is taken or
    another agent took it over, 130 when interrupted.
    """
    place = remote(server, data_dir, instance)
    if show_names or release:
        _names(place, release)
        return
    if to is None:
        message = f"Say where your application listens: {EXAMPLE}"
        raise click.UsageError(message)
    target = _target(to, host_header, remote_too=allow_remote_target)
    hello = Hello(
        name=_name(name) if name else _usual_name(place.key, target.netloc),
        owner=_owner(),
        takeover=takeover,
        pool=pool,
    )
    screen = Screen(output, target)
    origin = Server(locate=place.locate, key=place.key)

    def make() -> Agent:
        return Agent(origin, target, hello, Recorder(screen.done), screen)

    sys.exit(_run(make, screen, inspect))


def _run(make: Callable[[], Agent], screen: Screen, port: int) -> int:
    async def serving() -> None:
        agent = make()
        inspector = Inspector(agent, _secrets)
        if port:
            await inspector.start(port)
            screen.inspector = inspector.url
        settle()
        try:
            await agent.run()
        finally:
            await agent.close()
            screen.flush()
            await inspector.close()

    try:
        run(serving())
    except StopError as error:
        click.echo(f"Stopped: {error}", err=True)
        return error.code
    except OSError as error:
        message = (
            f"The inspector cannot listen near port {port}: {error.strerror}. Say --inspect 0."
        )
        raise click.ClickException(message) from None
    except KeyboardInterrupt:
        click.echo("Stopped. The name stays yours.", err=True)
        return INTERRUPTED
    return 0


def _names(place: Remote, release: str | None) -> None:
    """List names, or give one up."""
    url = place.locate()
    if url is None:
        raise click.ClickException("The server does not run. Start it: consignease dev")
    try:
        if release:
            release_name(url, place.key, release)
            click.echo(f"{release} is given up; anybody can have it now.")
            return
        found = list_names(url, place.key)
    except StopError as error:
        click.echo(str(error), err=True)
        sys.exit(error.code)
    for one in found:
        state = f"open by {', '.join(one.open_by)}" if one.open_by else "closed"
        click.echo(f"{one.name:<28} {one.url}  {state}")
    if not found:
        click.echo(f"No names yet. Open a tunnel: {EXAMPLE}")


def _secrets() -> dict[str, str]:
    """Find the application's signing secrets, by the names of their variables."""
    around = {**read_dotenv(Path(".env")), **os.environ}
    return {name: around[name] for name in (SECRET_VARIABLE, *WRONG_VARIABLES) if around.get(name)}


def _target(text: str, host_header: str, *, remote_too: bool) -> Target:
    if host_header not in {"rewrite", "preserve"} and not _HOST.fullmatch(host_header):
        message = "--host-header is rewrite, preserve, or a host such as app.test:3000."
        raise click.UsageError(message)
    try:
        judge = _judge if remote_too else _judge_local
        return parse_target(text, host_header=host_header, judge=judge)
    except TargetError as error:
        message = f"{error}. Example: {EXAMPLE}"
        raise click.UsageError(message) from None


def _name(text: str) -> str:
    """Read --url: a name, or the whole URL that was printed before."""
    found = _URL.fullmatch(text)
    if found is None:
        return text
    if found["path"]:
        return found["path"]
    return found["host"].partition(".")[0]


def _usual_name(key: str, netloc: str) -> str:
    """Make a name that is the same each time, and that nobody else can guess."""
    seed = f"{key} {getpass.getuser()} {socket.gethostname()} {netloc}"
    digest = hashlib.sha256(seed.encode()).digest()
    words = [WORDS[byte % len(WORDS)] for byte in digest[:2]]
    return f"{words[0]}-{words[1]}-{digest[2:6].hex()}"


def _owner() -> str:
    return f"process {os.getpid()} of {getpass.getuser()} on {socket.gethostname()}"[:200]


def _judge(address: str) -> str | None:
    """Refuse what no policy opens: metadata, link-local, reserved addresses."""
    judged = verdict(address, DEVELOPMENT)
    return None if judged.ok else judged.reason


def _judge_local(address: str) -> str | None:
    """Refuse everything but this machine."""
    if address.startswith("127.") or address == "::1":
        return None
    return _judge(address) or "another machine: say --allow-remote-target to lead there"
