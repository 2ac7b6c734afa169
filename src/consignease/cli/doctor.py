"""`consignease doctor`: check an installation and say what is wrong."""

import http.client
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from consignease.cli.dotenv import read_dotenv
from consignease.cli.target import data_dir_option
from consignease.edge.vault import Vault, VaultError, read_key
from consignease.folder import Folder, FolderError, existing
from consignease.store.database import HEAD, last_tick, revision
from consignease.wire.explain import SECRET_VARIABLE, WRONG_VARIABLES

LOW_DISK = 1 << 30


class Finding(NamedTuple):
    """One thing that was looked at: `state` is ok, note or bad."""

    state: str
    what: str
    says: str


@click.command()
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(data_dir: str, as_json: bool) -> None:  # noqa: FBT001
    """Check an installation and explain what is wrong."""
    findings = list(_examine(Path(data_dir)))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings]))
    else:
        marks = {
            "ok": click.style("✓", fg="green"),
            "note": click.style("!", fg="yellow"),
            "bad": click.style("✗", fg="red"),
        }
        for finding in findings:
            click.echo(f"{marks[finding.state]} {finding.what:<14} {finding.says}")
    if any(finding.state == "bad" for finding in findings):
        raise SystemExit(1)


def _examine(path: Path) -> Iterator[Finding]:
    yield Finding("ok", "Python", platform.python_version())
    yield _extra()
    yield _environment()
    try:
        folder = existing(path)
    except FolderError as error:
        yield Finding("bad", "data folder", str(error))
        return
    yield from _modes(folder.path)
    yield _disk(folder.path)
    yield from _database(folder)
    yield _server(folder)


def _extra() -> Finding:
    needed = ("sqlalchemy", "alembic", "uvicorn", "pycurl", "argon2", "cryptography")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        remedy = 'pip install "consignease[server]"'
        return Finding("bad", "packages", f"{', '.join(missing)} missing: {remedy}")
    return Finding("ok", "packages", "everything that the server needs is installed")


def _environment() -> Finding:
    found = {**read_dotenv(Path(".env")), **os.environ}
    wrong = [name for name in WRONG_VARIABLES if name in found]
    if wrong and SECRET_VARIABLE not in found:
        return Finding("bad", "variables", f"{wrong[0]} is set; the name is {SECRET_VARIABLE}")
    return Finding("ok", "variables", "no misspelt name of the signing secret")


def _modes(path: Path) -> Iterator[Finding]:
    if os.name != "posix":
        return
    for file, mode in ((path, 0o700), (path / "keys.json", 0o600), (path / "keyring.json", 0o600)):
        if file.exists() and file.stat().st_mode & 0o077:
            yield Finding("bad", "file modes", f"others can read {file}: chmod {mode:o} {file}")
            return
    yield Finding("ok", "file modes", "folder and keys are readable by their owner only")


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    says = f"{free / (1 << 30):,.1f} GiB free"
    return Finding("ok" if free > LOW_DISK else "bad", "disk", says)


def _database(folder: Folder) -> Iterator[Finding]:
    if not folder.database.exists():
        yield Finding("bad", "database", f"{folder.database} is missing: restore your backup")
        return
    found = revision(folder.database)
    if found != HEAD:
        yield Finding("bad", "schema", f"revision {found}, this release has {HEAD}: start a server")
        return
    yield Finding("ok", "schema", f"revision {found}")
    yield _clock(last_tick(folder.database))
    connection = sqlite3.connect(f"file:{folder.database}?mode=ro", uri=True)
    try:
        check = connection.execute("PRAGMA quick_check").fetchone()[0]
        yield Finding("ok" if check == "ok" else "bad", "integrity", str(check))
        yield _ring(folder, connection)
        yield from _endpoints(connection)
    except sqlite3.Error as error:
        yield Finding("bad", "database", f"cannot be read: {error}")
    finally:
        connection.close()


def _clock(last: int) -> Finding:
    ahead = last / 1000 - time.time()
    if ahead > 60:
        says = f"this machine's clock is {ahead:,.0f} s behind what the database has seen: set it"
        return Finding("bad", "clock", says)
    return Finding("ok", "clock", "not behind what the database has seen")


def _ring(folder: Folder, connection: sqlite3.Connection) -> Finding:
    try:
        ring = folder.key_ring("")
        vault = Vault({number: read_key(text) for number, text in ring.items()})
        for kid, sealed in connection.execute("SELECT kid, private_sealed FROM token_key"):
            vault.open(sealed, kid)
    except (FolderError, VaultError, ValueError) as error:
        return Finding("bad", "key ring", str(error))
    return Finding("ok", "key ring", "opens the stored secrets")


def _endpoints(connection: sqlite3.Connection) -> Iterator[Finding]:
    sql = """
    SELECT e.no, e.id, e.url, e.disabled, e.disabled_reason, e.first_failure_at,
           e.last_success_at,
           (SELECT count(*) FROM delivery d WHERE d.endpoint = e.no AND d.state < 2) AS open
    FROM endpoint e WHERE e.deleted_at IS NULL ORDER BY e.no
    """
    last = "SELECT status, error FROM attempt WHERE endpoint = ? ORDER BY at DESC LIMIT 1"
    for no, name, url, disabled, reason, failing, worked, left in connection.execute(
        sql
    ).fetchall():
        if disabled:
            yield Finding("note", name, f"{url} is disabled. {reason or ''} {left} wait".strip())
        elif failing:
            status, error = connection.execute(last, (no,)).fetchone() or (0, "")
            yield Finding("bad", name, f"{url} fails: {error or f'it answered {status}'}")
        else:
            state = "works" if worked else "has not been used yet"
            yield Finding("ok", name, f"{url} {state}, {left} wait")


def _server(folder: Folder) -> Finding:
    base_url = folder.running()
    if base_url is None:
        return Finding("note", "server", "does not run on this folder")
    url = urlsplit(base_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=5)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        text = answer.read().decode()
    except OSError as error:
        return Finding("bad", "server", f"{base_url} cannot be reached: {error}")
    finally:
        connection.close()
    return Finding("ok" if answer.status == 200 else "bad", "server", f"{base_url} says {text}")
