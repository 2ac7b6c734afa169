"""`consignease users`: list, show and change users of the running server."""

import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.cli.users_import import import_users

F = TypeVar("F", bound=Callable[..., Any])

METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")


def _common(command: F) -> F:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        instance_option,
        data_dir_option,
    ):
        command = option(command)
    return command


def _profile(command: F) -> F:
    """Add the options that say what a user is."""
    for name in METADATA[::-1]:
        command = click.option(
            f"--{name.replace('_', '-')}", help="A JSON object.", callback=_json_object
        )(command)
    for name, text in (
        ("password", "The password; `-` asks for it unseen."),
        ("external-id", "Your own id for the user."),
        ("last-name", "Last name."),
        ("first-name", "First name."),
        ("username", "Username."),
    ):
        command = click.option(f"--{name}", help=text)(command)
    return command


def _json_object(_context: click.Context, option: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    try:
        found = json.loads(value)
    except ValueError as error:
        msg = f"this is no JSON: {error}."
        raise click.BadParameter(msg, param=option) from None
    if not isinstance(found, dict):
        msg = 'give a JSON object, such as \'{"plan": "pro"}\'.'
        raise click.BadParameter(msg, param=option)
    return found  # pyright: ignore[reportUnknownVariableType]


def _body(given: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in given.items() if value is not None}
    if body.get("password") == "-":
        body["password"] = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return body


def _find(target: Target, who: str) -> dict[str, Any]:
    """Return the user that an id, email address, username or external id names."""
    names = ("email_address",) if "@" in who else ("user_id", "username", "external_id")
    for name in names:
        found: list[dict[str, Any]] = target.call("GET", f"/v1/users?{urlencode({name: who})}")
        if found:
            return found[0]
    msg = f"No user has the id, email address, username or external id {who!r}."
    raise click.ClickException(msg)


def _primary(user: dict[str, Any]) -> str:
    addresses = {email["id"]: email["email_address"] for email in user["email_addresses"]}
    return addresses.get(user["primary_email_address_id"]) or next(iter(addresses.values()), "")


def _state(user: dict[str, Any]) -> str:
    return " ".join(name for name in ("banned", "locked") if user[name]) or "active"


def _name(user: dict[str, Any]) -> str:
    return f"{user['first_name'] or ''} {user['last_name'] or ''}".strip()


def _show(user: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(user))
        return
    emails = (
        f"{email['email_address']} ({email['verification']['status']})"
        for email in user["email_addresses"]
    )
    for name, value in (
        ("id", user["id"]),
        ("name", _name(user)),
        ("emails", ", ".join(emails)),
        ("username", user["username"]),
        ("external id", user["external_id"]),
        ("state", _state(user)),
        ("password", "set" if user["password_enabled"] else "none"),
        *((name.replace("_", " "), json.dumps(user[name])) for name in METADATA),
    ):
        click.echo(f"{name:<17} {value or '-'}")


@click.group()
def users() -> None:
    """List, show and change users. WHO is an id, email address, username or external id."""


@users.command("list")
@click.option("--query", help="A part of a name, address or username.")
@click.option("--banned/--not-banned", default=None, help="Only the banned, or all others.")
@click.option("--order-by", default="-created_at", show_default=True, help="Such as username.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True)
@_common
def list_users(
    query: str | None,
    banned: bool | None,  # noqa: FBT001
    order_by: str,
    limit: int,
    offset: int,
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List users, newest first."""
    target = Target(data_dir, instance)
    asked = {"order_by": order_by, "limit": limit, "offset": offset, "paginated": "true"}
    asked |= {"query": query} if query else {}
    asked |= {} if banned is None else {"banned": str(banned).lower()}
    page = target.call("GET", f"/v1/users?{urlencode(asked)}")
    if as_json:
        click.echo(json.dumps(page["data"]))
        return
    if not page["data"]:
        click.echo("No users. Create one: consignease users create --email zoe@example.com")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("ID", "NAME", "EMAIL", "USERNAME", "STATE"):
        table.add_column(title, no_wrap=title == "ID", overflow="fold")
    for user in page["data"]:
        cells = (user["id"], _name(user), _primary(user), user["username"] or "", _state(user))
        table.add_row(*map(Text, cells))
    Console().print(table)
    last = offset + len(page["data"])
    click.echo(f"\n{offset + 1} to {last} of {page['total_count']}")
    if last < page["total_count"]:
        click.echo(f"More: --offset {last}")


@users.command()
@click.argument("who")
@_common
def get(who: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Show one user."""
    _show(_find(Target(data_dir, instance), who), as_json=as_json)


@users.command()
@click.option("--email", "email_address", multiple=True, help="Verified; the first is primary.")
@_profile
@_common
def create(
    email_address: tuple[str, ...],
    data_dir: str,
    instance: str,
    as_json: bool,  # noqa: FBT001
    **given: Any,
) -> None:
    """Create a user."""
    body = _body(given) | ({"email_address": list(email_address)} if email_address else {})
    _show(Target(data_dir, instance).call("POST", "/v1/users", body), as_json=as_json)


@users.command()
@click.argument("who")
@_profile
@_common
def update(who: str, data_dir: str, instance: str, as_json: bool, **given: Any) -> None:  # noqa: FBT001
    """Change a user; what is not named stays, metadata is merged."""
    target = Target(data_dir, instance)
    body = _body(given)
    user = _find(target, who)
    path = f"/v1/users/{user['id']}"
    parts = {name: body.pop(name) for name in METADATA if name in body}
    if body:
        user = target.call("PATCH", path, body)
    if parts:
        user = target.call("PATCH", f"{path}/metadata", parts)
    _show(user, as_json=as_json)


@users.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_common
def delete(who: str, yes: bool, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
    """Delete a user."""
    target = Target(data_dir, instance)
    user = _find(target, who)
    if not yes:
        shown = _primary(user) or _name(user) or "no name"
        click.confirm(f"Delete {user['id']} ({shown}) for good?", abort=True)
    gone = target.call("DELETE", f"/v1/users/{user['id']}")
    click.echo(json.dumps(gone) if as_json else f"Deleted {user['id']}.")


def _action(name: str, text: str) -> None:
    def command(who: str, data_dir: str, instance: str, as_json: bool) -> None:  # noqa: FBT001
        target = Target(data_dir, instance)
        user = _find(target, who)
        _show(target.call("POST", f"/v1/users/{user['id']}/{name}"), as_json=as_json)

    command.__doc__ = text
    users.command(name)(click.argument("who")(_common(command)))


_action("ban", "Ban a user.")
_action("unban", "Lift a user's ban.")
_action("lock", "Lock a user until unlocked.")
_action("unlock", "Unlock a user.")
users.add_command(import_users)
