"""Connections to PostgreSQL, as units of work see them: plain calls, statements stay prepared."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import count
from typing import Any, cast

import asyncpg
from sqlalchemy.util import await_only

from consignease.domain.faults import Invalid
from consignease.store.dialect import numbered, values
from consignease.store.postgres_errors import GONE, OUTDATED
from consignease.store.tx import Params

CONNECT_SECONDS = 5
"""How long the database has to answer a connection."""
PREPARED_MOST = 500
"""How many statements stay prepared on one connection; most are constants of ours."""


async def connect(url: str, *, patience: float | None = 60, **settings: str) -> Any:
    """Open a connection.

    Args:
        url: Where the database is; several hosts after each other, with
            ``target_session_attrs=read-write``, find the one that is primary.
        patience: Seconds that a statement may take; None for as long as it needs.
        settings: What the server is told of the session.

    Raises:
        OSError, asyncpg.PostgresError: the database does not answer.
    """
    opened: Any = cast("Any", asyncpg).connect
    connection = await opened(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=patience,
        statement_cache_size=0,
        server_settings={"application_name": "consignease"},
    )
    # Not while connecting: a pooler refuses, or is told to pass over, what it does not know there.
    # It also answers that itself, and has a session of the server's only for the first statement.
    told = {"jit": "off", **settings}
    try:
        sets = "".join(f"SET {name} = '{told[name]}';" for name in told)
        await connection.execute(sets, timeout=CONNECT_SECONDS)
    except TimeoutError:
        connection.terminate()
        msg = f"no session within {CONNECT_SECONDS} s; is the pool of a pooler too small?"
        raise TimeoutError(msg) from None
    except BaseException:
        connection.terminate()
        raise
    return connection


class Rows:
    """What a statement gave: its rows, and how many it touched."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Any:
        return self._rows


class Session:
    """One connection; its statements stay prepared."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.writing = False
        self._prepared: dict[str, Any] = {}
        self._numbers = count()
        self.writes = 0

    async def _statement(self, sql: str) -> tuple[Any, tuple[str, ...]]:
        text, names = numbered(sql, writing=self.writing)
        known = self._prepared.get(text)
        if known is None:
            if len(self._prepared) >= PREPARED_MOST:
                del self._prepared[next(iter(self._prepared))]
            # Without a name of ours it would be parsed and planned each time it is run.
            name = f"consignease_{next(self._numbers)}"
            known = self._prepared[text] = await self.connection.prepare(text, name=name)
        return known, names

    def _checked(self, given: list[object]) -> list[object]:
        """PostgreSQL's text cannot hold U+0000: what has it is refused, or matches nothing."""
        for at, value in enumerate(given):
            if isinstance(value, list):
                self._checked(cast("list[object]", value))
            elif isinstance(value, str) and "\0" in value:
                if self.writing:
                    raise Invalid("Text cannot hold the character U+0000.")
                given[at] = value.replace("\0", "\ufffd")
        return given

    def execute(self, sql: str, params: Params = ()) -> Rows:
        """Run one statement."""
        return await_only(self.run(sql, params))

    async def run(self, sql: str, params: Params = ()) -> Rows:
        """Do what `execute` does, outside a unit of work."""
        statement, names = await self._statement(sql)
        rows = await statement.fetch(*self._checked(values(names, params)))
        verb, _, count = statement.get_statusmsg().rpartition(" ")
        touched = int(count) if count.isdigit() else 0
        if touched and verb != "SELECT":
            self.writes += 1
        return Rows(rows, touched)

    def executemany(self, sql: str, many: Iterable[Params]) -> None:
        """Run one statement for each set of values."""
        await_only(self._executemany(sql, list(many)))

    async def _executemany(self, sql: str, many: list[Params]) -> None:
        if many:
            statement, names = await self._statement(sql)
            self.writes += 1
            await statement.executemany([self._checked(values(names, params)) for params in many])


class Sessions:
    """Connections for one purpose: each is opened when it is first needed, and kept.

    Args:
        url: Where the database is.
        most: How many there are at most.
        settings: What the server is told of each.
    """

    def __init__(self, url: str, most: int, **settings: str) -> None:
        self._url = url
        self._settings = settings
        self._free: asyncio.LifoQueue[Session | None] = asyncio.LifoQueue()
        for _ in range(most):
            self._free.put_nowait(None)

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncGenerator[Session]:
        """Lend one that nobody uses; one whose schema moved on, or that broke, is given up.

        Raises:
            OSError, asyncpg.PostgresError: the database does not answer.
        """
        session = await self._free.get()
        try:
            if session is None or session.connection.is_closed():
                session = None
                session = Session(await connect(self._url, patience=60, **self._settings))
            yield session
        except (*GONE, *OUTDATED):
            if session is not None:
                session.connection.terminate()
            raise
        finally:
            self._free.put_nowait(session)

    async def close(self) -> None:
        """Close those that are not lent."""
        while not self._free.empty():
            session = self._free.get_nowait()
            if session is not None:
                await session.connection.close(timeout=5)
