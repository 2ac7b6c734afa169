"""The databases under measurement, seen from outside: what is stored, and what it takes."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from tests.bench.bench_engine import receiver
from tests.bench.processes import folder_bytes
from tests.bench.table import Row
from tests.helpers.postgres import Cluster, programs


class Stored(NamedTuple):
    """What a database has of deliveries."""

    deliveries: int
    succeeded: int
    attempts: int


_COUNTS = (
    "SELECT count(*) FROM delivery",
    "SELECT count(*) FROM delivery WHERE state = 3",
    "SELECT count(*) FROM attempt",
)
_OPEN = "SELECT count(*) FROM delivery WHERE state < 3"


class Sqlite:
    """The file in a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}
        self.pids: tuple[int, ...] = ()

    def ask(self, *statements: str) -> list[Any]:
        """Return the first value of each statement's answer."""
        connection = sqlite3.connect(f"file:{self.folder / 'consignease.db'}?mode=ro", uri=True)
        try:
            return [connection.execute(statement).fetchone()[0] for statement in statements]
        finally:
            connection.close()

    def still_open(self) -> int:
        """How many deliveries are not finished."""
        return self.ask(_OPEN)[0]

    def stored(self) -> Stored:
        """Count what is stored."""
        return Stored(*self.ask(*_COUNTS))

    def size(self) -> int:
        """Bytes on disk, exact when no server runs."""
        return folder_bytes(self.folder)


class Postgres:
    """A database of its own in a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.url = asyncio.run(cluster.new())
        self.env = {"CONSIGNEASE_DATABASE_URL": self.url}
        self.pids = (int((cluster.data / "postmaster.pid").read_text().split()[0]),)

    def drop(self) -> None:
        """Remove it."""
        asyncio.run(self._cluster.drop(self.url))

    def ask(self, *statements: str) -> list[Any]:
        """Return the first value of each statement's answer."""

        async def asked() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            found = [await connection.fetchval(statement) for statement in statements]
            await connection.close()
            return found

        return asyncio.run(asked())

    def still_open(self) -> int:
        """How many deliveries are not finished."""
        return self.ask(_OPEN)[0]

    def stored(self) -> Stored:
        """Count what is stored."""
        return Stored(*self.ask(*_COUNTS))

    def size(self) -> int:
        """Bytes of the database's tables and indexes on disk."""
        return self.ask("SELECT pg_database_size(current_database())")[0]


class Pair(NamedTuple):
    """Databases that are compared, with the data folders of their servers.

    Attributes:
        suffix: What rows of the table are called after their bench's name.
        folders: By name.
        stores: By name; nothing is in them yet.
    """

    suffix: str
    folders: dict[str, Path]
    stores: dict[str, Sqlite] | dict[str, Postgres]


def each_database(names: Sequence[str]) -> Iterator[Pair]:
    """Give files, and after them databases on a PostgreSQL server each, where it is installed."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: Path(temporary) / name for name in names}
        yield Pair("", folders, {name: Sqlite(folder) for name, folder in folders.items()})
    if programs() is None:
        print("skipped on PostgreSQL: it is not installed here")
        return
    with ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory())
        folders = {name: Path(temporary) / name for name in names}
        stores: dict[str, Postgres] = {}
        for name in names:
            cluster = Cluster(durable=True)
            stack.callback(cluster.close)
            stores[name] = Postgres(cluster)
        yield Pair(".postgres", folders, stores)


def on_each_database(names: Sequence[str], compare: Callable[[Pair, str], list[Row]]) -> list[Row]:
    """Compare on both databases; `compare` is given them and a receiver's URL."""
    with receiver() as url:
        return [row for pair in each_database(names) for row in compare(pair, url)]
