"""Two PostgreSQL servers: a primary that waits for its standby at each commit."""

import os
import signal
from pathlib import Path

import asyncpg

from tests.helpers.postgres import Cluster


class Pair:
    """A primary and a synchronous standby that can take each other's place."""

    def __init__(self) -> None:
        self.primary = Cluster()
        self.standby = Cluster(of=self.primary)

    @property
    def url(self) -> str:
        """The address that finds whichever of the two is primary."""
        hosts = ",".join(sorted([str(self.primary.folder), str(self.standby.folder)]))
        return f"postgresql://postgres@/postgres?host={hosts}&target_session_attrs=read-write"

    async def wait_for_each_other(self) -> None:
        """From now on nothing is committed that the standby has not on disk."""
        connection = await asyncpg.connect(self.primary.url())
        try:
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            await connection.execute("SELECT pg_reload_conf()")
            sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            while not await connection.fetchval(sql):
                await connection.execute("SELECT pg_sleep(0.05)")
        finally:
            await connection.close()

    def fail_over(self) -> None:
        """Kill the primary and every process of it, and promote the standby."""
        kill(self.primary)
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Make what was killed a standby of who is primary now, from nothing."""
        self.standby.copy(self.primary)

    def close(self) -> None:
        """Stop both and remove their folders."""
        self.standby.close()
        self.primary.close()


def kill(cluster: Cluster) -> None:
    """End a server and its processes with SIGKILL, as a machine that is gone."""
    main = int((cluster.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    for process in (main, *map(int, children)):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    (cluster.data / "postmaster.pid").unlink()
