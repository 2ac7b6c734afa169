"""`consignease admin`: who may use the Dashboard, and a way back in for who lost theirs."""

import getpass
import json
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from consignease.app import admins, recovery
from consignease.app.admins import Entry
from consignease.domain.admins import check_email
from consignease.domain.faults import Fault
from consignease.domain.tickets import LIFE_MS, Purpose
from consignease.folder import FolderError, existing
from consignease.settings import Settings, SettingsError, load
from consignease.store.once import run_once

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def _common(command: F) -> F:
    """Add the options that say which installation."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--data-dir", help="The data folder.  [default: .consignease]"),
        click.option(
            "--config",
            type=click.Path(dir_okay=False),
            help="The server's TOML file, if it has one.",
        ),
    ):
        command = option(command)
    return command


class _Installation:
    """The database of an installation, reached as its server reaches it."""

    def __init__(self, config: str | None, data_dir: str | None) -> None:
        try:
            file = None if config is None else Path(config)
            self.settings: Settings = load(
                file=file, environment=os.environ, flags={"data_dir": data_dir}
            )
            self.folder = existing(Path(self.settings.data_dir))
        except SettingsError as error:
            raise click.UsageError(str(error)) from None
        except FolderError as error:
            raise click.ClickException(str(error)) from None

    @property
    def url(self) -> str:
        """Where browsers reach its server."""
        usual = f"http://127.0.0.1:{self.settings.port}"
        return self.settings.public_url.rstrip("/") or self.folder.running() or usual

    def run(self, fn: Callable[..., T], *args: Any) -> T:
        """Run a unit of work."""
        try:
            return run_once(self.folder.database, self.settings.database_url, fn, *args)
        except Fault as error:
            raise click.ClickException(error.words) from None


@click.group()
def admin() -> None:
    """List the administrators of the Dashboard, and let one back in.

    These commands read and write the database itself: call them on the
    server's machine, as the user that the server runs as. The server may run.
    """


@admin.command("list")
@_common
def list_admins(config: str | None, data_dir: str | None, as_json: bool) -> None:  # noqa: FBT001
    """List every administrator, oldest first: role, second factor, last sign-in."""
    found = _Installation(config, data_dir).run(admins.everyone)
    if as_json:
        shown = [
            {
                "id": one.id,
                "email": one.email,
                "name": one.name,
                "role": one.role,
                "joined": one.joined,
                "password": one.password_digest is not None,
                "authenticator_app": one.totp_sealed is not None,
                "passkeys": one.passkeys,
                "last_sign_in_at": one.last_sign_in_at,
                "created_at": one.created_at,
            }
            for one in found
        ]
        click.echo(json.dumps(shown))
        return
    if not found:
        click.echo("There is none. The server prints a one-time link at its start: open it.")
    for one in found:
        seen = one.last_sign_in_at
        stamp = "never" if seen is None else f"{datetime.fromtimestamp(seen / 1000, UTC):%F %R} UTC"
        factors = [
            *(["password"] if one.password_digest else []),
            *(["app"] if one.totp_sealed else []),
            *([f"{one.passkeys} passkeys"] if one.passkeys else []),
        ]
        state = " + ".join(factors) if one.joined else "invited"
        click.echo(f"{one.email}  {one.role}  [{state}]  last sign-in {stamp}  {one.name}")


@admin.command()
@click.argument("email")
@_common
def reset(
    email: str,
    config: str | None,
    data_dir: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make a link that gives the account of EMAIL a new password and a new factor.

    For a lost password, phone or passkey, and for an account that somebody else
    may be in: every session of it ends at once. The link works once and for a
    quarter of an hour. Until it is used the old ways in go on working; then
    the old password, authenticator app and passkeys are gone. Who had a second
    factor sets one up on the same page. The audit log has a line for the link
    and one for its use.

    Example: consignease admin reset ada@example.com
    """
    installation = _Installation(config, data_dir)
    token = secrets.token_urlsafe(32)
    now = round(time.time() * 1000)
    try:
        wanted = check_email(email)
    except Fault as error:
        raise click.ClickException(error.detail) from None
    entry = Entry(f"{_who()} (command line)", "", "admin.reset_link", wanted, "", None, now)
    installation.run(recovery.begin, wanted, token, entry)
    link = f"{installation.url}/dashboard/reset?token={token}"
    if as_json:
        ends = now + LIFE_MS[Purpose.RESET]
        click.echo(json.dumps({"email": wanted, "url": link, "expires_at": ends}))
        return
    click.echo(
        f"Every session of {wanted} has ended. This link sets a new password; it works once, "
        f"for {LIFE_MS[Purpose.RESET] // 60_000} minutes:\n{link}"
    )
    if installation.folder.running() is None and not installation.settings.database_url:
        click.echo("No server runs here: start it, then open the link.", err=True)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
