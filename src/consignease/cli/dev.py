"""`consignease dev`: everything on this machine, without configuration."""

import json
import os
import sys
from pathlib import Path

import click

from consignease.cli.run import run_server
from consignease.server import Server
from consignease.settings import SettingsError, load


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [default: 4010]")
@click.option("--data-dir", help="Folder for the database and keys.  [default: .consignease]")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
def dev(host: str | None, port: int | None, data_dir: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Start everything on this machine.

    Makes a data folder with a development and a production instance on the
    first run, listens on 127.0.0.1 and delivers to your handlers on this
    machine. Stop it with Ctrl-C; nothing is lost.
    """
    flags = {"host": host, "port": port, "data_dir": data_dir}
    try:
        settings = load(environment={"CONSIGNEASE_SVIX_RELAY": "true", **os.environ}, flags=flags)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    run_server(settings, _print_json if as_json else _print_text)


def _print_json(server: Server) -> None:
    instances = [
        {
            "name": keys.name,
            "id": keys.id,
            "application_id": keys.application_id,
            "publishable_key": keys.publishable_key,
            "secret_key": keys.secret_key,
        }
        for keys in server.keys
    ]
    ready = {
        "base_url": server.base_url,
        "setup_url": server.dashboard_url,
        "data_dir": str(server.folder.path),
        "instances": instances,
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _print_text(server: Server) -> None:
    folder = server.folder.path
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    base = server.base_url
    lines = [
        "",
        click.style(f"Consignease is ready at {base}", bold=True),
        "",
        f"  Backend API   {base}/v1",
        f"  Webhook API   {base}/api/v1",
        f"  Dashboard     {server.dashboard_url}",
        *(["                (one-time link, works for 30 minutes)"] if server.needs_setup else []),
        f"  Keys          {shown}/keys.json (readable by you only)",
        "",
    ]
    lines += [f"  {keys.name:<12}  {keys.id}  {keys.publishable_key}" for keys in server.keys]
    lines += [
        "",
        "Next, in another terminal:",
        "  consignease env >> .env",
        "  consignease endpoints create http://localhost:3000/api/webhooks",
        "",
        "Ctrl-C stops the server; nothing is lost.",
    ]
    click.echo("\n".join(lines))
