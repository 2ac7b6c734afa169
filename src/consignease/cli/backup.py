"""`consignease backup` and `consignease restore`: an installation in one file."""

import json
import os
import sqlite3
import tarfile
import tempfile
from pathlib import Path

import click
from rich.console import Console

from consignease.cli.target import data_dir_option
from consignease.domain.faults import Unavailable
from consignease.folder import FolderError, existing
from consignease.store import snapshot
from consignease.store.database import HEAD, revision

_RING, _KEYS = "keyring.json", "keys.json"
_DATABASE = "consignease.db"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_dir_option
def backup(file: Path, data_dir: str) -> None:
    """Write the whole installation to FILE, while the server runs.

    FILE is a tar archive with the database as it is at this moment, the key
    ring and the keys: whoever has it can read everything. It is readable by
    you only; keep it so.
    """
    try:
        folder = existing(Path(data_dir))
    except FolderError as error:
        raise click.ClickException(str(error)) from None
    part = file.with_name(f"{file.name}.part")
    try:
        with (
            Console(stderr=True).status("Copying the database"),
            tempfile.TemporaryDirectory(dir=file.absolute().parent) as temporary,
        ):
            copy, ring = Path(temporary) / _DATABASE, Path(temporary) / _RING
            # A rotation may add a key, or drop one, while the database is copied.
            keys = folder.key_ring("")
            snapshot.copy(folder.database, copy)
            keys |= folder.key_ring("")
            ring.touch(0o600)
            ring.write_text(json.dumps({str(number): keys[number] for number in sorted(keys)}))
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                with tarfile.open(fileobj=out, mode="w") as archive:
                    archive.add(copy, _DATABASE)
                    archive.add(ring, _RING)
                    archive.add(folder.path / _KEYS, _KEYS)
                out.flush()
                os.fsync(out.fileno())
    except Unavailable as error:
        raise click.ClickException(error.words) from None
    except (OSError, sqlite3.Error, FolderError) as error:
        part.unlink(missing_ok=True)
        msg = f"No backup was made: {error}."
        raise click.ClickException(msg) from None
    part.replace(file)
    click.echo(f"Backup written to {file} ({file.stat().st_size / 1e6:.1f} MB).")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_dir_option
def restore(file: Path, data_dir: str) -> None:
    """Make a data folder of the backup in FILE.

    The folder must not hold a database. What was being delivered when the
    backup was made is delivered again.
    """
    folder = Path(data_dir).absolute()
    if (folder / _DATABASE).exists():
        msg = f"{folder} holds a database already. Move it away, or name another --data-dir."
        raise click.ClickException(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        try:
            with tarfile.open(file, "r:") as archive:
                for name in (_RING, _KEYS, _DATABASE):
                    _extract(archive, name, Path(temporary) / name)
        except (OSError, KeyError, tarfile.TarError) as error:
            msg = f"{file} is no backup of Consignease: {error}."
            raise click.ClickException(msg) from None
        database = Path(temporary) / _DATABASE
        wrong = snapshot.check(database)
        if wrong:
            msg = f"The database in {file} is damaged ({wrong}); nothing was restored."
            raise click.ClickException(msg)
        found = revision(database)
        if found is None or found > HEAD:
            msg = f"The backup was made by a newer release (schema {found}); install that first."
            raise click.ClickException(msg)
        # The database last: a folder without one is no installation.
        for name in (_RING, _KEYS, _DATABASE):
            (Path(temporary) / name).replace(folder / name)
    click.echo(f"Restored to {folder}. Start it: consignease dev --data-dir {data_dir}")


def _extract(archive: tarfile.TarFile, name: str, to: Path) -> None:
    source = archive.extractfile(name)
    if source is None:
        raise KeyError(name)
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while chunk := source.read(1 << 20):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
