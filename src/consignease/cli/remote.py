"""The server that a command of a developer's machine talks to: here, or far away."""

import os
from pathlib import Path

import click
import msgspec

from consignease.cli.dotenv import read_dotenv
from consignease.cli.target import Target

URL_VARIABLE, KEY_VARIABLE = "CLERK_API_URL", "CLERK_SECRET_KEY"

server_option = click.option(
    "--server", help=f"URL of the server, if it is not on this machine; needs {KEY_VARIABLE}."
)


class Remote(msgspec.Struct, frozen=True):
    """A server and a key to it.

    Attributes:
        url: Where it is; None if it runs on this machine, wherever it says.
        key: The instance's secret key.
        target: The data folder, if it runs on this machine.
    """

    url: str | None
    key: str
    target: Target | None

    def locate(self) -> str | None:
        """Return where the server is now; None while it does not run."""
        return self.url if self.target is None else self.target.folder.running()


def remote(server: str | None, data_dir: str, instance: str) -> Remote:
    """Find the server: the one named, else the data folder's, else the environment's.

    Raises:
        ClickException: There is none.
        UsageError: A server is named, and there is no key for it.
    """
    around = {**read_dotenv(Path(".env")), **{k: v for k, v in os.environ.items() if v}}
    if server is None and (Path(data_dir) / "keys.json").exists():
        target = Target(data_dir, instance)
        return Remote(None, target.keys.secret_key, target)
    url, key = server or around.get(URL_VARIABLE), around.get(KEY_VARIABLE)
    if server is not None and not key:
        message = f"--server needs the instance's secret key in {KEY_VARIABLE}."
        raise click.UsageError(message)
    if not url or not key:
        Target(data_dir, instance)  # says what is missing
        raise AssertionError
    return Remote(url.rstrip("/"), key, None)
