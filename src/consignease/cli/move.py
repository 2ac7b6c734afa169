"""`consignease move`: an installation goes from SQLite to PostgreSQL."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from consignease.cli.loop import run
from consignease.cli.target import data_dir_option
from consignease.domain.faults import Fault
from consignease.folder import FolderError, existing


@click.command()
@click.argument("database_url", envvar="CONSIGNEASE_DATABASE_URL")
@data_dir_option
def move(database_url: str, data_dir: str) -> None:
    """Carry an installation from its SQLite file to the PostgreSQL database at DATABASE_URL.

    Users, keys, endpoints, the log with its cursors, deliveries that are still
    open, administrators: everything. The server must be stopped and the
    database empty. It is all or nothing: what arrived is counted and compared
    table by table before it counts, and a move that is cut short is begun anew.
    The file stays where it is, but is not served any more; the keys stay in the
    data folder.

    Example: consignease move postgresql://consignease@db.example.com/consignease
    """
    try:
        folder = existing(Path(data_dir))
        folder.lock()
    except FolderError as error:
        raise click.ClickException(str(error)) from None
    try:
        if not folder.database.exists():
            msg = f"There is no SQLite database in {folder.path}."
            raise click.ClickException(msg)
        from consignease.store.moving import move as carry

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("moving", total=None)

            def progress(table: str, done: int, total: int) -> None:
                bar.update(task, description=table, completed=done, total=total)

            moved = run(carry(folder.database, database_url, progress))
    except Fault as error:
        raise click.ClickException(error.words) from None
    finally:
        folder.unlock()
    for one in moved:
        click.echo(f"{one.table:<20} {one.rows:>12,}  {one.checksum}")
    click.echo(
        f"{sum(one.rows for one in moved):,} rows were moved, counted and compared.\n"
        f"Start servers on them with CONSIGNEASE_DATABASE_URL and this data folder. "
        f"{folder.database} is kept; nothing reads it any more."
    )
