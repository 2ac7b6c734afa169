"""`consignease keys`: API keys of the running server, and the ring that secrets are sealed under."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.domain.access import SCOPES

F = TypeVar("F", bound=Callable[..., Any])
_DAY = 24 * 3600
_PATH = "/api/v1/api-key"
_RING = "/api/v1/key-ring"
_LOOK_SECONDS = 0.2


def _common(command: F) -> F:
    """Add the options that say which instance of which server."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        instance_option,
        data_dir_option,
    ):
        command = option(command)
    return command


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; rotate the key ring."""


def _state(key: dict[str, Any]) -> str:
    if key["revokedAt"]:
        return f"revoked {key['revokedAt']}"
    used = f"last used {key['lastUsedAt']}" if key["lastUsedAt"] else "never used"
    return f"{used}, ends {key['expiresAt']}" if key["expiresAt"] else used


@keys.command("list")
@_common
def list_keys(data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """List every API key, oldest first; of the keys themselves the last four characters."""
    found = Target(data_dir, instance).call("GET", _PATH)["data"]
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("There are no API keys. Make one: consignease keys create NAME --scope read")
    for one in found:
        scopes = " ".join(one["scopes"])
        click.echo(f"{one['id']}  …{one['last4']}  {one['name']}  [{scopes}]  {_state(one)}")


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(list(SCOPES)),
    help="What it is for; may be repeated.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), help="After how many days it ends; else it lives on."
)
@_common
def create(
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make an API key and print it: the only time that it is shown."""
    body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
    if days is not None:
        body["expiresIn"] = days * _DAY
    made = Target(data_dir, instance).call("POST", _PATH, body)
    click.echo(json.dumps(made) if as_json else f"{made['id']}\n{made['key']}")


@keys.command()
@click.argument("key_id")
@_common
def revoke(key_id: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Revoke an API key, by its id: requests that carry it are refused at once."""
    Target(data_dir, instance).call("DELETE", f"{_PATH}/{key_id}")
    click.echo(json.dumps({"revoked": key_id}) if as_json else f"Revoked {key_id}.")


@keys.command()
@_common
def rotate(data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Seal every secret at rest under a new key, while the server runs.

    Adds a key to keyring.json and gives it what older keys sealed: signing
    secrets, keys that sign tokens, second factors. The older keys leave the
    file when nothing can need them. If the server is stopped on the way, it
    goes on when it starts, and so does this command when it is called again.
    """
    target = Target(data_dir, instance)
    ring = target.call("POST", f"{_RING}/rotate")
    with click.progressbar(length=100, label="Sealing", file=sys.stderr) as bar:
        while ring["phase"] == "sealing":
            share = ring["done"] * 100 // max(1, ring["total"])
            bar.update(max(0, share - bar.pos))
            time.sleep(_LOOK_SECONDS)
            ring = target.call("GET", _RING)
        bar.update(100 - bar.pos)
    if ring["phase"] == "failed":
        raise click.ClickException(ring["error"])
    if as_json:
        click.echo(json.dumps(ring))
        return
    newest = max(ring["keys"])
    click.echo(f"Sealed under key {newest}: {ring['resealed']} values.")
    if len(ring["keys"]) > 1:
        click.echo("The older key leaves keyring.json by itself, when nothing can need it.")
