"""A power cut: what was acknowledged is there, although every unsynced write is gone."""

import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.fault.test_kill import ENV, receiver
from tests.helpers.checks import Findings, read, settle
from tests.helpers.load import Load
from tests.helpers.server import ServerProcess, add_endpoint

__all__ = ["receiver"]

ROUNDS = 40 if SOAK else 4
SOURCE = Path(__file__).parents[1] / "helpers" / "powerloss.c"
HEAD = struct.Struct("=qqq")
UNSYNCED = """
import consignease.store.engine as engine
connect = engine.connect
def careless(*args, **options):
    connection = connect(*args, **options)
    connection.execute("PRAGMA synchronous=OFF")
    return connection
engine.connect = careless
from consignease.cli.main import main
main()
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None,
    reason="needs Linux and a C compiler",
)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that notes what was there before each write."""
    library = tmp_path_factory.mktemp("shim") / "powerloss.so"
    command = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", str(SOURCE), "-o", str(library)]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


def cut_power(folder: Path, journal: Path) -> int:
    """Undo every write that was not synced; returns how many there were."""
    undone = 0
    for log in journal.iterdir():
        data = log.read_bytes()
        records: list[tuple[int, int, bytes]] = []
        at = 0
        while at + HEAD.size <= len(data):
            offset, size, length = HEAD.unpack_from(data, at)
            at += HEAD.size
            if at + length > len(data):
                break  # the process ended while it noted this write, which was then not made
            records.append((offset, size, data[at : at + length]))
            at += length
        with (folder / log.name).open("r+b") as file:
            for offset, size, before in reversed(records):
                file.seek(offset)
                file.write(before)
                file.truncate(size)
        undone += len(records)
        log.unlink()
    (folder / "consignease.db-shm").unlink(missing_ok=True)
    return undone


def test_a_power_cut_loses_nothing_acknowledged(
    tmp_path: Path, receiver: tuple[str, Path], shim: Path
) -> None:
    """Killed under load, unsynced writes undone, restarted: as after a kill alone."""
    url, record = receiver
    folder, journal = tmp_path / "data", tmp_path / "journal"
    journal.mkdir()
    env = {
        **ENV,
        "LD_PRELOAD": str(shim),
        "POWERLOSS_DIR": str(folder),
        "POWERLOSS_JOURNAL": str(journal),
    }
    load = Load(seed=1)
    with ServerProcess(folder) as server:
        client = server.client()
        add_endpoint(client, server.instance()["application_id"], url)
        client.close()
    undone = 0
    for number in range(ROUNDS):
        with ServerProcess(folder, env=env) as server:
            load.start(server.base_url, server.instance()["secret_key"])
            time.sleep(0.4 + 0.13 * (number % 4))  # the cut is to come at no particular point
            server.kill()
            load.join()
        undone += cut_power(folder, journal)
    with ServerProcess(folder, env=ENV):
        settle(folder / "consignease.db")
    findings = Findings(folder / "consignease.db", record.read_text().split())
    findings.check_log()
    findings.check_acknowledged(load.acknowledged)
    findings.check_order()
    assert load.failures == []
    print(f"{ROUNDS} cuts, {undone} writes undone, {len(load.acknowledged)} acknowledged, 0 lost")
    assert undone > 0


def test_without_syncs_a_power_cut_does_lose_changes(tmp_path: Path, shim: Path) -> None:
    """The same cut with synchronous turned off: the test above can fail."""
    folder, journal = tmp_path / "data", tmp_path / "journal"
    journal.mkdir()
    env = {
        "LD_PRELOAD": str(shim),
        "POWERLOSS_DIR": str(folder),
        "POWERLOSS_JOURNAL": str(journal),
    }
    with ServerProcess(folder):
        pass
    load = Load(seed=2)
    with ServerProcess(folder, env=env, program=("-c", UNSYNCED)) as server:
        load.start(server.base_url, server.instance()["secret_key"])
        time.sleep(0.6)
        server.kill()
        load.join()
    assert load.acknowledged
    assert cut_power(folder, journal) > 0
    try:
        there = {row[0] for row in read(folder / "consignease.db", 'SELECT id FROM "user"')}
    except sqlite3.DatabaseError:
        return  # not even a database is left
    created = {change.user for change in load.acknowledged}
    deleted = {change.user for change in load.acknowledged if change.name is None}
    assert created - deleted - there, "nothing was lost, so a loss would not be seen"
