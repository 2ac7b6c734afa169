"""`consignease serve`: the server for production."""

import ipaddress
import json
import os
import socket
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from consignease.cli.run import run_server, run_servers
from consignease.edge.guard import production
from consignease.server import Server
from consignease.settings import Settings, SettingsError, load


@click.command()
@click.option("--config", type=click.Path(dir_okay=False), help="A TOML file with settings.")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: 4010]")
@click.option("--data-dir", help="Folder for the database and keys.  [default: .consignease]")
@click.option("--workers", type=int, help="Server processes, on PostgreSQL.  [default: 1]")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
@click.option("--listener", type=int, hidden=True, help="The socket of the supervisor.")
def serve(
    config: str | None,
    host: str | None,
    port: int | None,
    data_dir: str | None,
    workers: int | None,
    as_json: bool,  # noqa: FBT001
    listener: int | None,
) -> None:
    """Start the server for production.

    Settings come from a TOML file, from CONSIGNEASE_* variables and from these
    options, each over the one before. It needs to know its public URL, and
    who speaks TLS: itself (tls_cert, tls_key) or a proxy (behind_proxy,
    trusted_proxies). It does not start otherwise.

    With --workers, several processes answer on the one port and deliver, all on
    one PostgreSQL database. One that dies is started again.
    """
    flags = {"host": host, "port": port, "data_dir": data_dir, "workers": workers}
    try:
        file = None if config is None else Path(config)
        settings = load(file=file, environment=os.environ, flags=flags)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    unsafe = unsafe_reason(settings)
    if unsafe is not None:
        raise click.ClickException(f"Not started: {unsafe}")
    if listener is not None:
        run_server(settings, _print_ready, socket.socket(fileno=listener))
    elif settings.workers > 1:
        run_servers(settings, partial(_print_all, settings.workers, as_json))
    else:
        run_server(settings, _print_json if as_json else _print_text)


def unsafe_reason(settings: Settings) -> str | None:
    """Say why these settings are not right to serve with, and what to do; None if they are."""
    url = urlsplit(settings.public_url)
    speaks_tls = bool(settings.tls_cert) or settings.behind_proxy
    if url.scheme not in {"http", "https"} or not url.hostname:
        return "public_url is not set. Say where users reach the server: https://id.example.com"
    if url.scheme == "http" and not _is_loopback(url.hostname):
        return "public_url is plain http. Keys would cross the network in clear; use https."
    if not _is_loopback(settings.host) and not speaks_tls:
        return (
            f"it would listen on {settings.host} without TLS. Set tls_cert and tls_key, or "
            "behind_proxy and trusted_proxies, or listen on 127.0.0.1."
        )
    if settings.behind_proxy and not settings.trusted_proxies:
        return "behind_proxy needs trusted_proxies: the addresses whose headers are believed."
    if settings.workers > 1 and not settings.database_url:
        return (
            "several workers need PostgreSQL: set database_url (CONSIGNEASE_DATABASE_URL). "
            "On SQLite one process serves and delivers."
        )
    return _bad_value(settings) or _exposed(Path(settings.data_dir))


def _bad_value(settings: Settings) -> str | None:
    """Say which file or network cannot be used."""
    for proxy in settings.trusted_proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            return f"trusted_proxies lists addresses or networks, and {proxy!r} is neither."
    try:
        production(settings.allow_subnets)
    except ValueError as error:
        return f"allow_subnets lists networks that may be opened: {error}."
    if settings.tls_cert:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            files = f"tls_cert ({settings.tls_cert}) and tls_key ({settings.tls_key})"
            return f"{files} cannot be used: {error}."
    return None


def _exposed(folder: Path) -> str | None:
    """Say what of the data folder others can read."""
    if folder.exists() and os.name == "posix" and folder.stat().st_mode & 0o077:
        return f"others can read the data folder {folder}. Run: chmod 700 {folder}"
    for name in ("keys.json", "keyring.json"):
        file = folder / name
        if file.exists() and os.name == "posix" and file.stat().st_mode & 0o077:
            return f"others can read {file}. Run: chmod 600 {file}"
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _facts(server: Server) -> dict[str, Any]:
    return {
        "base_url": server.base_url,
        "public_url": server.settings.public_url,
        "dashboard_url": server.dashboard_url,
        "data_dir": str(server.folder.path),
    }


def _print_json(server: Server) -> None:
    sys.stdout.write(json.dumps(_facts(server)) + "\n")
    sys.stdout.flush()


def _print_ready(server: Server) -> None:
    """Tell the supervisor."""
    sys.stdout.write(json.dumps({**_facts(server), "needs_setup": server.needs_setup}) + "\n")
    sys.stdout.flush()


def _print_text(server: Server) -> None:
    _print_facts({**_facts(server), "needs_setup": server.needs_setup})


def _print_all(workers: int, as_json: bool, facts: dict[str, Any]) -> None:  # noqa: FBT001
    """Say that all processes answer."""
    if as_json:
        sys.stdout.write(json.dumps({**facts, "workers": workers}) + "\n")
        sys.stdout.flush()
    else:
        _print_facts(facts, f" {workers} processes answer.")


def _print_facts(facts: dict[str, Any], more: str = "") -> None:
    click.echo(
        f"Consignease is ready at {facts['base_url']}, reached as {facts['public_url']}.{more}\n"
        f"Dashboard: {facts['dashboard_url']}"
        f"{' (one-time link, works for 30 minutes)' if facts['needs_setup'] else ''}\n"
        f"Keys are in {facts['data_dir']}/keys.json (readable by this user only)."
    )
