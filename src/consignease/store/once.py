"""One unit of work of a command, on the database of a server that may be running.

For what nobody keeps in memory: the caches of a running server are not told.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from consignease.domain.faults import Unavailable
from consignease.store.database import HEAD, MOVED, revision
from consignease.store.engine import connect
from consignease.store.tx import NoHandoff, Tx, no_cursors

T = TypeVar("T")

_OTHER = "Start a server of this release on it once, then call this again."


def run_once(path: Path, url: str, fn: Callable[..., T], *args: Any) -> T:
    """Run a unit of work durably, and return its result.

    Args:
        path: The SQLite file, used when `url` is empty.
        url: The PostgreSQL database.
        fn: The unit; called with a transaction and the arguments.
        args: The arguments.

    Raises:
        Unavailable: there is no database, it does not answer, or it is of another release.
        Fault: what the unit refused; nothing was changed.
    """
    if url:
        return asyncio.run(_on_postgres(url, fn, *args))
    if not path.exists():
        raise Unavailable("There is no database.", detail=f"{path} is made by the first start.")
    found = revision(path)
    if found == MOVED:
        msg = "This installation was moved to PostgreSQL."
        raise Unavailable(msg, detail="Name the database: CONSIGNEASE_DATABASE_URL.")
    if found != HEAD:
        raise Unavailable(f"The database has another release's schema ({found}).", detail=_OTHER)
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = fn(Tx(connection, NoHandoff(), no_cursors, {}), *args)
        connection.execute("COMMIT")
        return result
    finally:
        connection.close()


async def _on_postgres(url: str, fn: Callable[..., T], *args: Any) -> T:
    try:
        from consignease.store.postgres import PostgresStore
    except ModuleNotFoundError as error:
        msg = "PostgreSQL needs one more package."
        raise Unavailable(msg, detail="Install consignease[server,postgres].") from error
    store = PostgresStore(url, writers=1, readers=1)
    await store.open()
    try:
        found = await store.read(_revision)
        if found != HEAD:
            msg = f"The database has another release's schema ({found})."
            raise Unavailable(msg, detail=_OTHER)
        return await store.write(fn, *args)
    finally:
        await store.shut()


def _revision(tx: Tx) -> str:
    return tx.one("SELECT version_num FROM alembic_version")[0]
