"""`consignease export`: every user of an instance, in a file."""

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consignease.app import user_export
from consignease.app import users as app
from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.domain.faults import Unavailable
from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash
from consignease.domain.user_filter import Filter
from consignease.edge.vault import Vault, read_key
from consignease.store import instances, snapshot
from consignease.store.tx import Tx


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@instance_option
@data_dir_option
def export(file: Path, instance: str, data_dir: str) -> None:
    """Write every user to FILE, as JSON lines that `users import` takes.

    The server may be running; users are written as they are at this moment,
    with their ids, password digests and second factors. The file is readable
    by you only. On PostgreSQL, CONSIGNEASE_DATABASE_URL names the database. Addresses that are not verified come back as reserved ones.
    """
    target = Target(data_dir, instance)
    ring = {number: read_key(key) for number, key in target.folder.key_ring("").items()}
    vault = Vault(ring)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    columns = (TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())

    def write(tx: Tx) -> int:
        written = 0
        with (
            os.fdopen(descriptor, "w", encoding="utf-8") as out,
            Progress(*columns, console=Console(stderr=True), transient=True) as bar,
        ):
            found = _instance(tx, target)
            task = bar.add_task("", total=app.count(tx, found, Filter()))
            for line in user_export.every(tx, found, vault.open):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                written += 1
                bar.advance(task)
            out.flush()
            os.fsync(out.fileno())
        return written

    try:
        url = os.environ.get("CONSIGNEASE_DATABASE_URL", "")
        written = snapshot.read(target.folder.database, url, write)
    except Unavailable as error:
        part.unlink(missing_ok=True)
        raise click.ClickException(error.words) from None
    except OSError as error:
        part.unlink(missing_ok=True)
        msg = f"{file} cannot be written: {error.strerror}."
        raise click.ClickException(msg) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(file)
    click.echo(f"{written} users written to {file}.")


def _instance(tx: Tx, target: Target) -> Instance:
    found = instances.by_secret_key(tx, key_hash(target.keys.secret_key))
    if found is None:
        msg = "The database does not know the keys in this folder: start the server once."
        raise click.ClickException(msg)
    return found
