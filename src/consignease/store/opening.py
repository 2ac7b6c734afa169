"""Opening the database of a server, whichever it is."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from consignease.domain.faults import Unavailable
from consignease.store.database import last_tick, migrate
from consignease.store.engine import Store
from consignease.store.tx import Handoff

if TYPE_CHECKING:
    from consignease.store.postgres import PostgresStore

AnyStore: TypeAlias = "Store | PostgresStore"
"""Runs units of work, over either database."""


async def prepare(path: Path, url: str) -> int:
    """Bring the schema of a database to this release.

    Args:
        path: The SQLite file, used when `url` is empty.
        url: The PostgreSQL database.

    Returns:
        The latest time that a former run has stored, or that the database's
        own clock shows, in milliseconds.

    Raises:
        Unavailable: it does not answer, or belongs to another release.
    """
    if not url:
        migrate(path)
        return last_tick(path)
    try:
        from consignease.store.postgres_schema import prepare as prepare_postgres
    except ModuleNotFoundError as error:
        msg = "PostgreSQL needs one more package."
        raise Unavailable(msg, detail="Install consignease[server,postgres].") from error
    return await prepare_postgres(url)


async def open_store(
    path: Path,
    url: str,
    hand: Handoff,
    heard: Callable[[str], None],
    crash: Callable[[str], None] | None = None,
) -> AnyStore:
    """Open a database that is prepared.

    Args:
        path: The SQLite file, used when `url` is empty.
        url: The PostgreSQL database.
        hand: Who takes freshly committed deliveries.
        heard: Called with what other processes on the database tell.
        crash: Called at each point at which fault tests end the process.
    """
    if not url:
        return Store(path, hand=hand, crash=crash)
    from consignease.store.postgres import PostgresStore

    store = PostgresStore(url, hand=hand, heard=heard)
    await store.open()
    return store
