"""The database that tests run on: SQLite, or PostgreSQL when the environment says so."""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from consignease.store.database import migrate
from consignease.store.engine import Store
from consignease.store.postgres import PostgresStore
from consignease.store.postgres_schema import prepare
from consignease.store.tx import Handoff
from tests.helpers.postgres import Cluster

T = TypeVar("T")

POSTGRES = os.environ.get("CONSIGNEASE_TEST_DATABASE") == "postgresql"
"""Whether this run is on PostgreSQL."""

_TEMPLATE = "consignease_template"


@cache
def cluster() -> Cluster:
    """The PostgreSQL server of this test process, started when first asked for."""
    one = Cluster(durable=False)
    atexit.register(one.close)
    _elsewhere(_make_template(one))
    return one


def _elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop of its own, whatever runs here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result(60)


async def _make_template(one: Cluster) -> None:
    connection = await asyncpg.connect(one.url())
    await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    await connection.close()
    await prepare(one.url(_TEMPLATE))


@cache
def database_of(folder: str) -> str:
    """The database of the server in a folder, the same one whenever it is started."""
    del folder
    return _elsewhere(new_database())


async def new_database() -> str:
    """Make a database with the schema in it; returns its address."""
    return await cluster().new(_TEMPLATE)


class OnLoop:
    """A store on PostgreSQL for callers on any event loop: it runs on one of its own."""

    partitions = None
    """Old parts are not dropped whole here: that has tests of its own."""

    def __init__(self, hand: Handoff | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres-store")
        self._thread.start()
        cluster()
        self.store: PostgresStore = self._run(self._open(hand))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _open(self, hand: Handoff | None) -> PostgresStore:
        store = PostgresStore(await new_database(), hand=hand)
        await store.open()
        return store

    def write(self, fn: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Run a unit, and what it leaves to be done afterwards."""
        return asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self._write(fn, args), self._loop)
        )

    async def _write(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return await self.store.write(fn, *args)
        finally:
            await self.store.settled()

    def write_only(self, fn: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Run a unit, and not wait for what it leaves to be done afterwards."""

        async def write() -> Any:
            return await self.store.write(fn, *args)

        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(write(), self._loop))

    def settled(self) -> "asyncio.Future[None]":
        """Wait for what units have left to be done afterwards."""
        return asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self.store.settled(), self._loop)
        )

    def read(self, fn: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Run a unit that only reads."""
        return asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self.store.read(fn, *args), self._loop)
        )

    def horizon(self) -> "asyncio.Future[int]":
        """Ask how far the log is complete."""
        return asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self.store.horizon(), self._loop)
        )

    def shut(self) -> "asyncio.Future[None]":
        """Close the store."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.store.shut(), self._loop))

    def close(self) -> None:
        """Close the store and end its loop."""
        self._run(self.store.shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


def open_store(folder: Path, hand: Handoff | None = None) -> Any:
    """Open a store on an empty database; it has to be closed."""
    if POSTGRES:
        return OnLoop(hand)
    path = folder / "engine.db"
    migrate(path)
    return Store(path, hand=hand)
