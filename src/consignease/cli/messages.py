"""`consignease messages`: list, send and explain messages of the running server."""

import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import click

from consignease.cli.target import Target, data_dir_option, instance_option

F = TypeVar("F", bound=Callable[..., Any])

_WIDTH = 100


def _common(command: F) -> F:
    """Add the options that say which application of which server."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--app", help="Id or uid of an application; else the built-in one."),
        instance_option,
        data_dir_option,
    ):
        command = option(command)
    return command


def _path(target: Target, app: str | None, more: str) -> str:
    return f"/api/v1/app/{quote(app or target.keys.application_id, safe='')}/{more}"


def _message(target: Target, app: str | None, name: str, more: str = "") -> str:
    return _path(target, app, f"msg/{quote(name, safe='')}{more}")


def _show(message: dict[str, Any], as_json: bool) -> None:  # noqa: FBT001
    if as_json:
        click.echo(json.dumps(message))
        return
    for name, value in (
        ("id", message["id"]),
        ("type", message["eventType"]),
        ("created", message["timestamp"]),
        ("event id", message["eventId"]),
        ("deliver at", message["deliverAt"]),
        ("channels", ", ".join(message["channels"] or [])),
        ("tags", ", ".join(message["tags"] or [])),
    ):
        if value:
            click.echo(f"{name:<12} {value}")
    click.echo(json.dumps(message["payload"], indent=2, ensure_ascii=False))


@click.group()
def messages() -> None:
    """List and send messages, and explain what became of one.

    Every event is a message: one row of the log, delivered to each endpoint that
    wants it. WHICH is a message's id (msg_...) or the event id that it was given.
    """


@messages.command("list")
@click.option("--limit", type=click.IntRange(1, 250), default=20, show_default=True)
@click.option("--event", "events", multiple=True, help="Only this type; may be repeated.")
@click.option("--tag", help="Only what has this tag.")
@click.option("--channel", help="Only what has this channel.")
@_common
def list_messages(
    limit: int,
    events: tuple[str, ...],
    tag: str | None,
    channel: str | None,
    data_dir: str,
    instance: str,
    app: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List messages, newest first."""
    target = Target(data_dir, instance)
    query: list[tuple[str, str]] = [("limit", str(limit)), ("with_content", "false")]
    query += [("event_types", event) for event in events]
    query += [(name, value) for name, value in (("tag", tag), ("channel", channel)) if value]
    page = target.call("GET", _path(target, app, f"msg?{urlencode(query)}"))
    if as_json:
        click.echo(json.dumps(page["data"]))
        return
    if not page["data"]:
        click.echo("There are no such messages.")
    for one in page["data"]:
        click.echo(f"{one['id']}  {one['timestamp']}  {one['eventType']}")


@messages.command()
@click.argument("which")
@_common
def get(which: str, data_dir: str, instance: str, app: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Show one message with its payload."""
    target = Target(data_dir, instance)
    _show(target.call("GET", _message(target, app, which)), as_json)


@messages.command()
@click.argument("event_type", metavar="TYPE")
@click.argument("payload", default="-")
@click.option("--event-id", help="An id of your own: used once, a second time refused.")
@click.option("--channel", "channels", multiple=True, help="Narrows who gets it; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="To find it by; may be repeated.")
@click.option("--deliver-at", help="When to send it, such as 2030-01-31T09:00:00Z; within 24 h.")
@_common
def create(
    event_type: str,
    payload: str,
    event_id: str | None,
    channels: tuple[str, ...],
    tags: tuple[str, ...],
    deliver_at: str | None,
    data_dir: str,
    instance: str,
    app: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Send a message of TYPE; its PAYLOAD is a JSON object, read from stdin if left out.

    Example: consignease messages create invoice.paid '{"amount": 42}' --app acme
    """
    target = Target(data_dir, instance)
    try:
        data = json.loads(sys.stdin.read() if payload == "-" else payload)
    except ValueError as error:
        raise click.BadParameter(f"It is not JSON: {error}", param_hint="PAYLOAD") from None
    wanted = {
        "eventType": event_type,
        "payload": data,
        "eventId": event_id,
        "channels": list(channels) or None,
        "tags": list(tags) or None,
        "deliverAt": deliver_at,
    }
    body = {key: value for key, value in wanted.items() if value is not None}
    _show(target.call("POST", _path(target, app, "msg"), body), as_json)


@messages.command()
@click.argument("which")
@click.argument("endpoint")
@_common
def resend(
    which: str,
    endpoint: str,
    data_dir: str,
    instance: str,
    app: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Send a message to an endpoint once more, whatever became of it before."""
    target = Target(data_dir, instance)
    more = f"/endpoint/{quote(endpoint, safe='')}/resend"
    target.call("POST", _message(target, app, which, more), {})
    click.echo(json.dumps({"resent": which}) if as_json else f"{which} is sent to {endpoint}.")


@messages.command()
@click.argument("which")
@click.option("--endpoint", help="Only this endpoint, by its id or uid.")
@_common
def explain(
    which: str,
    endpoint: str | None,
    data_dir: str,
    instance: str,
    app: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Say why each endpoint got a message, or why it did not, and what to do next.

    Of a polling endpoint it says who has fetched the message and who has yet to.

    Example: consignease messages explain msg_2g7np7Hrk0SN6kj5EDMLDaKNL0S
    """
    target = Target(data_dir, instance)
    query = "" if endpoint is None else f"?{urlencode({'endpoint': endpoint})}"
    found = target.call("GET", _message(target, app, which, f"/explain{query}"))
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['id']}  {found['eventType']}  {found['timestamp']}")
    click.echo(f"{found['summary']}\n")
    for one in (*found["endpoints"], *found["pollers"]):
        where = f"{one['endpointId']}  {one['url']}" if "url" in one else one["pollerId"]
        click.echo(f"{one['verdict']:<14} {where}")
        for line in (one["text"], *(f"-> {step}" for step in one["next"])):
            click.echo(textwrap.indent(textwrap.fill(line, _WIDTH), " " * 15))
    if found["more"]:
        click.echo("\nThere are more endpoints; name one with --endpoint.")
