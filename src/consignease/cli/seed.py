"""`consignease seed`: the same users and endpoints in every development database."""

import io
import json
from pathlib import Path
from typing import Any

import click
import msgspec

from consignease.app.user_import import fixed_id
from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.cli.users_import import Importer, LineError, check

_NAMES = ("external_id", "username", "email_address", "phone_number")


class Endpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to be; `uid` names it, so that it is made once."""

    uid: str
    url: str
    events: list[str] = []
    description: str = ""


class Seed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a seed file holds."""

    users: list[dict[str, Any]] = []
    endpoints: list[Endpoint] = []


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-events", is_flag=True, help="Do not emit user.created.")
@instance_option
@data_dir_option
def seed(file: Path, no_events: bool, instance: str, data_dir: str) -> None:  # noqa: FBT001
    """Make the users and endpoints of FILE, with the same ids everywhere.

    FILE is a JSON object with `users`, each as POST /v1/users takes it, and
    `endpoints`, each with uid, url, events and description. A user without an
    `id` gets the one that always belongs to its first identifier. What is
    there already is left alone, so seeding twice changes nothing.
    """
    try:
        wanted = msgspec.json.decode(file.read_bytes(), type=Seed)
    except msgspec.DecodeError as error:
        msg = f"{file} cannot be read: {error}."
        raise click.ClickException(msg) from None
    users = [_fixed(number, user) for number, user in enumerate(wanted.users)]
    target = Target(data_dir, instance)
    made = sum(_endpoint(target, endpoint) for endpoint in wanted.endpoints)
    refused = io.StringIO()
    importer = Importer(target, refused, emit=not no_events)
    try:
        for number, user in enumerate(users):
            importer.add(number, user)
    finally:
        importer.finish()
    if importer.lost:
        raise click.ClickException(importer.lost)
    for line in refused.getvalue().splitlines():
        refusal = json.loads(line)
        click.echo(f"users[{refusal['line']}]: {refusal['error']}", err=True)
    counts = importer.counts
    click.echo(
        f"{counts['created']} users and {made} endpoints made, "
        f"{counts['exists'] + len(wanted.endpoints) - made} were there."
    )
    if counts["refused"]:
        raise click.exceptions.Exit(1)


def _fixed(number: int, user: dict[str, Any]) -> dict[str, Any]:
    try:
        check(user)
    except LineError as error:
        msg = f"users[{number}]: {error}"
        raise click.ClickException(msg) from None
    if user.get("id"):
        return user
    value: str | list[str] = next(user[name] for name in _NAMES if user.get(name))
    return user | {"id": fixed_id(value if isinstance(value, str) else value[0])}


def _endpoint(target: Target, wanted: Endpoint) -> bool:
    path = f"/api/v1/app/{target.keys.application_id}/endpoint"
    body: dict[str, Any] = {"uid": wanted.uid, "url": wanted.url}
    body |= {"description": wanted.description}
    body |= {"filterTypes": wanted.events} if wanted.events else {}
    known = {one["uid"] for one in target.call("GET", f"{path}?limit=250")["data"]}
    if wanted.uid in known:
        return False
    target.call("POST", path, body)
    return True
