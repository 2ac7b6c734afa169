"""A PostgreSQL server for tests: from the system's programs, in a folder of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from uuid import uuid4

import asyncpg


@cache
def programs() -> Path | None:
    """Where initdb and postgres are; None if this machine has none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    one = shutil.which("initdb")
    return Path(one).resolve().parent if one else None


class Cluster:
    """A server that listens on a socket in its own folder, and nowhere else."""

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable
        bin_ = programs()
        assert bin_ is not None
        self._bin = bin_
        self.folder = Path(tempfile.mkdtemp(prefix="consignease-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._call(
            "initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8"
        )
        self.start()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def _call(self, program: str, *args: str) -> None:
        subprocess.run(
            [str(self._bin / program), *args],
            check=True,
            user=self._user,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=100"
        if not self._durable:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        log = str(self.folder / "log")
        self._call("pg_ctl", "-D", str(self.data), "-w", "-o", options, "-l", log, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is like a crash."""
        self._call("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def url(self, name: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    async def new(self, template: str = "template1") -> str:
        """Make a database like another; returns its address."""
        name = f"t{uuid4().hex}"
        connection = await asyncpg.connect(self.url())
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()
        return self.url(name)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
