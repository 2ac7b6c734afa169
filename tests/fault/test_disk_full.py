"""The disk is full, under load, and is made free again: nothing is lost, nobody restarts."""

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from consignease.store.postgres_schema import prepare
from tests.helpers.badday import (
    Judge,
    begin,
    health,
    nothing_is_lost,
    refused_in_both_dialects,
    until,
    watch_over,
)
from tests.helpers.postgres import Cluster, programs
from tests.helpers.server import RunningServer, ServerProcess

ENV = {"CONSIGNEASE_RETRY_SCHEDULE": "0.1,0.2,0.3,0.5,0.5,1,1,1,1,1"}


class Disk(Protocol):
    """A disk that can be filled."""

    folder: Path

    def fill(self, process: int) -> None: ...

    def free(self, process: int) -> None: ...


class SmallDisk:
    """A file system of its own, in memory."""

    def __init__(self, folder: Path, megabytes: int = 48) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("file systems cannot be mounted here")

    def fill(self, process: int) -> None:
        """Write until nothing fits any more."""
        del process
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self, process: int) -> None:
        """Make room."""
        del process
        (self.folder / "filler").unlink()

    def close(self) -> None:
        """Take it away, whoever still looks at it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class SmallFiles:
    """A limit on the size of the files that a process writes, as a quota is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def fill(self, process: int) -> None:
        """Let files grow no further than the largest is."""
        sizes = [path.stat().st_size for path in (self.folder / "data").glob("consignease.db*")]
        resource.prlimit(process, resource.RLIMIT_FSIZE, (min(sizes), resource.RLIM_INFINITY))

    def free(self, process: int) -> None:
        """Let them grow again."""
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.close()


@pytest.fixture(params=["file system", "file size"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    if request.param == "file system":
        return request.getfixturevalue("small_disk")
    if not hasattr(resource, "prlimit"):
        pytest.skip("another process's limits cannot be set here")
    return SmallFiles(tmp_path / "files")


def full_and_free(
    server: RunningServer | ServerProcess,
    judge: Judge,
    where: Path | str,
    fill: Callable[[], None],
    free: Callable[[], None],
) -> None:
    """Fill the disk under load, see it said and refused, make room, and count."""
    watch_over(server, judge)
    load = begin(server)
    until(lambda: len(load.acknowledged) > 50)
    fill()
    with refused_in_both_dialects(server) as refused:
        until(refused)
        said = until(lambda: (found := health(server.base_url))[0] == 503 and found[1])
        assert said["status"] == "failing"
        assert (
            "full" in said["database"]
            or "I/O" in said["database"]
            or "No space" in (said["database"])
        ), said
        acknowledged = len(load.acknowledged)
        free()
        until(lambda: len(load.acknowledged) > acknowledged + 50)
    load.stop()  # before it fills the disk by itself
    until(lambda: health(server.base_url)[1]["database"] == "ok")
    nothing_is_lost(where, judge, load)
    assert load.failures
    assert {failure[:3] for failure in load.failures} == {"503"}


@pytest.mark.skipif(
    bool(os.environ.get("CONSIGNEASE_TEST_DATABASE")), reason="this is about the SQLite file"
)
def test_sqlite_on_a_full_disk_refuses_and_goes_on_when_there_is_room(disk: Disk) -> None:
    """Acknowledged changes all arrive; the others are refused with 503; health names the database."""
    folder = disk.folder / "data"
    with ServerProcess(folder, env=ENV) as server, Judge() as judge:
        process = server.process.pid
        full_and_free(
            server,
            judge,
            folder / "consignease.db",
            lambda: disk.fill(process),
            lambda: disk.free(process),
        )


async def _small_database(cluster: Cluster, tables: Path) -> str:
    connection = await asyncpg.connect(cluster.url())
    await connection.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
    await connection.execute("CREATE DATABASE small TABLESPACE small")
    await connection.close()
    await prepare(cluster.url("small"))
    return cluster.url("small")


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")
def test_postgresql_on_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    """The same where the database's tables have no room to grow."""
    cluster = Cluster(durable=False)
    small_disk = None
    try:
        small_disk = SmallDisk(cluster.folder / "disk")
        tables = small_disk.folder / "tables"
        tables.mkdir(mode=0o700)
        cluster.give(tables)
        url = asyncio.run(_small_database(cluster, tables))
        settings = {"database_url": url, "retry_schedule": [0.1, 0.2, 0.3] + [0.5] * 10}
        with RunningServer(tmp_path / "data", **settings) as server, Judge() as judge:
            disk = small_disk
            full_and_free(server, judge, url, lambda: disk.fill(0), lambda: disk.free(0))
    finally:
        if small_disk is not None:
            small_disk.close()
        cluster.close()
