"""`consignease endpoints`: list and change webhook endpoints of the running server."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from consignease.cli.endpoint_options import (
    health_words,
    share_words,
    state_of,
    treatment_body,
    treatment_of,
    treatment_options,
)
from consignease.cli.endpoints_apply import apply_file, copy_endpoints, export_file
from consignease.cli.replays import recover, replay
from consignease.cli.target import Target, data_dir_option, instance_option

F = TypeVar("F", bound=Callable[..., Any])


def _common(command: F) -> F:
    """Add the options that say which instance of which server."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        instance_option,
        data_dir_option,
    ):
        command = option(command)
    return command


def _path(target: Target, name: str = "", more: str = "") -> str:
    path = f"/api/v1/app/{target.keys.application_id}/endpoint"
    return f"{path}/{name}{more}" if name else path


def _show(endpoint: dict[str, Any], as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        click.echo(json.dumps(endpoint))
        return
    for name, value in (
        ("id", endpoint["id"]),
        ("url", endpoint["url"]),
        ("state", state_of(endpoint)),
        ("events", ", ".join(endpoint["eventTypes"] or ["all"])),
        ("ordering", endpoint["ordering"]),
        *treatment_of(endpoint),
        ("description", endpoint["description"] or "-"),
        ("created", endpoint["createdAt"]),
    ):
        click.echo(f"{name:<12} {value}")


@click.group()
def endpoints() -> None:
    """List and change the places that events are delivered to."""


@endpoints.command("list")
@_common
def list_endpoints(data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """List every endpoint, newest first.

    The share is that of attempts which succeeded, of the last 24 hours.
    """
    target = Target(data_dir, instance)
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = target.call("GET", f"{_path(target)}?limit=250{after}")
        found += page["data"]
        if page["done"]:
            break
        after = f"&iterator={page['iterator']}"
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("There are no endpoints. Add one: consignease endpoints create URL")
    for one in found:
        events = ", ".join(one["eventTypes"] or ["all events"])
        since = f" since {one['failingSince']}" if one["failingSince"] else ""
        share = share_words(target.call("GET", _path(target, one["id"], "/health")))
        click.echo(f"{one['id']}  {one['state']:<11}  {share:>6}  {one['url']}  ({events}){since}")


@endpoints.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, help="An event it wants; may be repeated.")
@click.option("--description", default="", help="A word about it.")
@click.option("--uid", help="A name of your own for it.")
@click.option(
    "--ordering",
    type=click.Choice(["bounded", "strict", "none"]),
    default="bounded",
    show_default=True,
    help="What it is promised about the order of a user's events.",
)
@treatment_options
@_common
def create(
    url: str,
    events: tuple[str, ...],
    description: str,
    uid: str | None,
    ordering: str,
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
    **treatment: Any,
) -> None:
    """Add an endpoint and print its signing secret."""
    target = Target(data_dir, instance)
    body = {
        "url": url,
        "eventTypes": list(events),
        "description": description,
        "uid": uid,
        "ordering": ordering,
        **treatment_body(treatment),
    }
    made = target.call("POST", _path(target), body)
    secret = target.call("GET", _path(target, made["id"], "/secret"))["key"]
    if as_json:
        click.echo(json.dumps({**made, "secret": secret}))
        return
    _show(made, as_json=False)
    click.echo(f"\nFor your application's .env:\nCLERK_WEBHOOK_SIGNING_SECRET={secret}")


@endpoints.command()
@click.argument("name")
@_common
def get(name: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Show one endpoint, by its id or uid, and how it does."""
    target = Target(data_dir, instance)
    found = target.call("GET", _path(target, name))
    health = target.call("GET", _path(target, name, "/health"))
    if as_json:
        click.echo(json.dumps({**found, "health": health}))
        return
    _show(found, as_json=False)
    click.echo(f"{'last 24 h':<12} {health_words(health)}")


@endpoints.command()
@click.argument("name")
@click.option("--url", help="Where it is from now on.")
@click.option("--event", "events", multiple=True, help="The events it wants; may be repeated.")
@click.option("--description", help="A word about it.")
@click.option("--disable/--enable", "disabled", default=None, help="Stop or resume deliveries.")
@click.option(
    "--skip-backlog", is_flag=True, help="Cancel what waits for it instead of delivering it."
)
@treatment_options
@_common
def update(
    name: str,
    url: str | None,
    events: tuple[str, ...],
    description: str | None,
    disabled: bool | None,  # noqa: FBT001
    skip_backlog: bool,  # noqa: FBT001
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
    **treatment: Any,
) -> None:
    """Change an endpoint; what is not named stays as it is."""
    target = Target(data_dir, instance)
    changes = {
        "url": url,
        "eventTypes": list(events) or None,
        "description": description,
        "disabled": disabled,
        "backlog": "skip" if skip_backlog else None,
    }
    body = {key: value for key, value in changes.items() if value is not None}
    body |= treatment_body(treatment)
    _show(target.call("PATCH", _path(target, name), body), as_json)


@endpoints.command()
@click.argument("name")
@_common
def pause(name: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Let everything wait for an endpoint until it is resumed."""
    target = Target(data_dir, instance)
    _show(target.call("PATCH", _path(target, name), {"paused": True}), as_json)


@endpoints.command()
@click.argument("name")
@click.option("--skip-backlog", is_flag=True, help="Cancel what waits instead of delivering it.")
@_common
def resume(
    name: str,
    skip_backlog: bool,  # noqa: FBT001
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Resume an endpoint that was paused or disabled, and deliver what waits."""
    target = Target(data_dir, instance)
    body = {"paused": False, "disabled": False, "backlog": "skip" if skip_backlog else "resume"}
    _show(target.call("PATCH", _path(target, name), body), as_json)


@endpoints.command()
@click.argument("name")
@_common
def delete(name: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Delete an endpoint; what was not sent to it yet is canceled."""
    target = Target(data_dir, instance)
    target.call("DELETE", _path(target, name))
    click.echo(json.dumps({"deleted": name}) if as_json else f"Deleted {name}.")


@endpoints.command()
@click.argument("name")
@_common
def secret(name: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Print an endpoint's signing secret."""
    target = Target(data_dir, instance)
    found = target.call("GET", _path(target, name, "/secret"))
    click.echo(json.dumps(found) if as_json else f"CLERK_WEBHOOK_SIGNING_SECRET={found['key']}")


@endpoints.command()
@click.argument("name")
@click.option(
    "--grace",
    type=click.IntRange(0, 604_800),
    default=86_400,
    show_default=True,
    help="Seconds for which the present secret still signs, too.",
)
@_common
def rotate(name: str, grace: int, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Give an endpoint a new signing secret and print it."""
    target = Target(data_dir, instance)
    found = target.call(
        "POST", _path(target, name, "/secret/rotate"), {"gracePeriodSeconds": grace}
    )
    click.echo(json.dumps(found) if as_json else f"CLERK_WEBHOOK_SIGNING_SECRET={found['key']}")


for _command in (recover, replay, apply_file, export_file, copy_endpoints):
    endpoints.add_command(_command)
