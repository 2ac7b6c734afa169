"""`consignease endpoints recover` and `replay`: sending much again, followed to its end."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.cli.tasks import watch

F = TypeVar("F", bound=Callable[..., Any])

_SPAN = re.compile(r"(\d+)(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_STATUSES = {"success": 0, "pending": 1, "fail": 2, "canceled": 4}


def _moment(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Read a time: a span back from now such as 90m, 24h or 7d, or one of RFC 3339."""
    if value is None:
        return None
    found = _SPAN.fullmatch(value)
    if found:
        at = datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        return at.isoformat()
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        msg = "give a span such as 90m, 24h or 7d, or a time such as 2026-05-12T08:00:00Z."
        raise click.BadParameter(msg, param=option) from None
    return (at if at.tzinfo else at.astimezone()).isoformat()


def _common(command: F) -> F:
    for option in (
        click.argument("name"),
        click.option("--since", required=True, callback=_moment, help="Such as 24h, or a time."),
        click.option("--until", callback=_moment, help="Until when; now if left out."),
        click.option("--no-wait", is_flag=True, help="Begin, and do not follow it."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        instance_option,
        data_dir_option,
    )[::-1]:
        command = option(command)
    return command


def _begin(name: str, call: str, body: dict[str, Any], options: dict[str, Any]) -> None:
    """Begin a task and follow it to its end."""
    target = Target(options["data_dir"], options["instance"])
    path = f"/api/v1/app/{target.keys.application_id}/endpoint/{name}/{call}"
    sent = body | {"since": options["since"], "until": options["until"]}
    begun = target.call("POST", path, sent)
    if options["no_wait"]:
        hint = f"{begun['id']} began. Look: consignease tasks show {begun['id']}"
        click.echo(json.dumps(begun) if options["as_json"] else hint)
        return
    found = watch(target, begun["id"], options["instance"])
    if options["as_json"]:
        click.echo(json.dumps(found))
    else:
        click.echo(f"{found['count']:,} messages are on their way again.")


@click.command()
@_common
def recover(name: str, **options: Any) -> None:
    """Send an endpoint again all that failed since a time, 14 days ago at most.

    Example: consignease endpoints recover billing --since 24h
    """
    _begin(name, "recover", {}, options)


@click.command()
@click.option("--missing", is_flag=True, help="What it never got, in place of what it got.")
@click.option("--event", "events", multiple=True, help="Only this event; may be repeated.")
@click.option("--status", type=click.Choice(list(_STATUSES)), help="Only what came to this.")
@_common
def replay(
    name: str,
    missing: bool,  # noqa: FBT001
    events: tuple[str, ...],
    status: str | None,
    **options: Any,
) -> None:
    """Send an endpoint again what it got since a time, or what it never got.

    Example: consignease endpoints replay billing --since 7d --missing
    """
    if missing and (events or status):
        raise click.UsageError("--missing takes neither --event nor --status.")
    body: dict[str, Any] = {}
    if events:
        body["eventTypes"] = list(events)
    if status:
        body["status"] = _STATUSES[status]
    _begin(name, "replay-missing" if missing else "bulk-replay", body, options)
