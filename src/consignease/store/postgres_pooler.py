"""What may stand between a process and PostgreSQL: a pooler, which has to keep sessions whole."""

import asyncio
import secrets
from typing import Any

from consignease.domain.faults import Unavailable
from consignease.store.postgres_session import connect

HEARD_SECONDS = 10
"""How long a notice may be on its way when a process starts; usually a millisecond."""


async def check_sessions(url: str, connection: Any) -> None:
    """Make sure that a connection hears what another one tells.

    A pooler that lends a server's session for a transaction only would break this silently, and
    with it advisory locks and the settings of a session: work would wait for the next sweep.

    Args:
        url: The database.
        connection: To it.

    Raises:
        Unavailable: the connection heard nothing; says what to do.
        OSError, asyncpg.PostgresError: the database does not answer.
    """
    heard = asyncio.Event()
    channel = f"consignease_{secrets.token_hex(4)}"

    def hear(*_: object) -> None:
        heard.set()

    await connection.add_listener(channel, hear)
    other = await connect(url)
    try:
        await other.execute(f"NOTIFY {channel}")
    finally:
        await other.close(timeout=5)
    try:
        async with asyncio.timeout(HEARD_SECONDS):
            await heard.wait()
    except TimeoutError:
        msg = "A pooler before the database does not keep sessions."
        raise Unavailable(
            msg,
            detail="What one connection notified another never heard. Name PostgreSQL itself in "
            "database_url, or let the pooler pool sessions (PgBouncer: pool_mode = session).",
        ) from None
    await connection.remove_listener(channel, hear)
