"""PgBouncer between a test and its PostgreSQL server, on a socket in its own folder."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.helpers.postgres import Cluster, other_user

SECONDS = 20


def program() -> str | None:
    """Where pgbouncer is; None if this machine has none."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Pooler:
    """A PgBouncer in front of a server.

    Args:
        cluster: The server.
        mode: What is pooled: ``session``, ``transaction`` or ``statement``.
        settings: More lines of its file.
    """

    def __init__(self, cluster: Cluster, mode: str, *settings: str) -> None:
        self._user = other_user()
        self.folder = Path(tempfile.mkdtemp(prefix="consignease-pooler-"))
        lines = [
            "[databases]",
            f"* = host={cluster.folder} user=postgres",
            "[pgbouncer]",
            "listen_addr =",
            f"unix_socket_dir = {self.folder}",
            "listen_port = 5432",
            "auth_type = any",
            f"pool_mode = {mode}",
            *settings,
        ]
        self._file = self.folder / "pgbouncer.ini"
        self._file.write_text("\n".join(lines), encoding="utf-8")
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        found = program()
        assert found is not None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [found, str(self._file)], user=self._user, stdout=log, stderr=subprocess.STDOUT
            )
        until = time.monotonic() + SECONDS
        while not (self.folder / ".s.PGSQL.5432").exists():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.01)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()
        (self.folder / ".s.PGSQL.5432").unlink()

    def log(self) -> str:
        """What it has printed."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def url(self, direct: str) -> str:
        """The address of a database through it, of the address without it."""
        return f"{direct.partition('?')[0]}?host={self.folder}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)
