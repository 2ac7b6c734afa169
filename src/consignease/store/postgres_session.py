"""One connection to PostgreSQL, as units of work see it: plain calls, statements stay prepared."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import asyncpg
from sqlalchemy.util import await_only

from consignease.domain.faults import Invalid
from consignease.store.dialect import numbered, values
from consignease.store.tx import Params

CONNECT_SECONDS = 5
"""How long the database has to answer a connection."""


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
    return await opened(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=patience,
        statement_cache_size=0,
        server_settings={"application_name": "consignease", "jit": "off", **settings},
    )


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
        self.writes = 0

    async def _statement(self, sql: str) -> tuple[Any, tuple[str, ...]]:
        text, names = numbered(sql, writing=self.writing)
        known = self._prepared.get(text)
        if known is None:
            known = self._prepared[text] = await self.connection.prepare(text)
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
        return await_only(self._execute(sql, params))

    async def _execute(self, sql: str, params: Params) -> Rows:
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
