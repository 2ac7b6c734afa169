"""`consignease worker`: one more process that delivers."""

import json
import os
import sys
from pathlib import Path

import click

from consignease.cli.run import run_worker
from consignease.server import Server
from consignease.settings import SettingsError, load


@click.command()
@click.option("--config", type=click.Path(dir_okay=False), help="A TOML file with settings.")
@click.option("--data-dir", help="Folder with the servers' keys.  [default: .consignease]")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
@click.option("--with-parent", is_flag=True, hidden=True)
def worker(
    config: str | None,
    data_dir: str | None,
    as_json: bool,  # noqa: FBT001
    with_parent: bool,  # noqa: FBT001
) -> None:
    """Deliver beside the servers, on the PostgreSQL database that they share.

    Start as many as you have cores to give. Each takes what no other has taken;
    when one dies, the others take over what it held within half a minute. It
    needs database_url and a data folder with the servers' keyring.json and
    keys.json.

    Example: CONSIGNEASE_DATABASE_URL=postgresql://db/consignease consignease worker
    """
    try:
        file = None if config is None else Path(config)
        settings = load(file=file, environment=os.environ, flags={"data_dir": data_dir})
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    if not settings.database_url:
        raise click.UsageError(
            "A worker needs PostgreSQL: set database_url (CONSIGNEASE_DATABASE_URL). "
            "On SQLite the one server delivers by itself."
        )
    if not (Path(settings.data_dir) / "keyring.json").exists():
        raise click.UsageError(
            f"There is no keyring.json in {settings.data_dir}. Start a server first, "
            "or copy the folder of one."
        )

    def ready(server: Server) -> None:
        line = {"worker": os.getpid(), "data_dir": str(server.folder.path)}
        sys.stdout.write((json.dumps(line) if as_json else "The worker delivers.") + "\n")
        sys.stdout.flush()

    run_worker(settings, ready, with_parent=with_parent)
