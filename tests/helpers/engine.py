"""A store with one instance and its endpoints, and a hand that counts places."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from consignease.app.attempts import Tried, record
from consignease.app.endpoints import columns
from consignease.app.publish import publish
from consignease.domain.delivery import Policy, Result, State, settle
from consignease.domain.endpoints import Endpoint
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.domain.leases import Leased
from consignease.store import deliveries, endpoints, instances
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from tests.helpers.databases import open_store

T = TypeVar("T")


class Hand:
    """A worker's place for leased deliveries, without the worker."""

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.leased: list[Leased] = []
        self.due: dict[int, int] = {}
        self.changes: list[int] = []
        self.tasks = 0
        self.caught: list[int] = []

    def reserve(self, endpoint: int, *, fresh: bool) -> bool:
        del endpoint, fresh
        if self.room <= 0:
            return False
        self.room -= 1
        return True

    def release(self, leased: Sequence[Leased]) -> None:
        self.room += len(leased)

    def caught_up(self, endpoint: int) -> None:
        self.caught.append(endpoint)

    def take(self, leased: Sequence[Leased], due: Mapping[int, int]) -> None:
        self.leased += leased
        self.due.update(due)

    def changed(self, endpoint: int) -> None:
        self.changes.append(endpoint)

    def begun(self) -> None:
        self.tasks += 1


class Engine:
    """The store and its rules at a clock that the test sets."""

    def __init__(self, folder: Path, *, room: int = 1_000) -> None:
        self.hand = Hand(room)
        self.store = open_store(folder, self.hand)
        self.now = 1_700_000_000_000
        self.instance: Instance
        self.endpoint = 0

    async def open(self, **endpoint: Any) -> None:
        """Add the instance and one endpoint."""
        self.instance = await self.store.write(self._add_instance)
        self.endpoint = await self.add_endpoint(**endpoint)

    def _add_instance(self, tx: Tx) -> Instance:
        return instances.add(
            tx,
            id=new_id("ins"),
            name="development",
            frontend_host=f"{new_id('x')}.test",
            app_id=new_id("app"),
            now=self.now,
        )

    async def add_endpoint(self, **more: Any) -> int:
        endpoint = Endpoint(
            id=new_id("ep"), url="http://127.0.0.1:9/", created_at=self.now, updated_at=self.now
        )
        values = {"app": self.instance.app, **columns(endpoint), **more}
        return (await self.store.write(lambda tx: dict(endpoints.insert(tx, values))))["no"]

    async def publish(self, subject: str | None = "user_a", *, deletes: bool = False) -> int:
        """Publish one event about a subject; returns its cursor."""
        event = NewEvent(
            type="user.deleted" if deletes else "user.updated",
            object_id=subject or new_id("email"),
            subject=subject,
            data=b"{}",
            deletes=deletes,
        )

        def unit(tx: Tx) -> int:
            publish(tx, self.instance, event, self.now)
            return tx.one("SELECT max(cursor) FROM message")[0]

        return await self.store.write(unit)

    async def finish(self, cursor: int, result: Result, **policy: Any) -> State:
        """Let the leased delivery of a message come to a result; returns its new state."""
        item = next(
            item
            for item in self.hand.leased
            if item.cursor == cursor and item.endpoint == self.endpoint
        )
        self.hand.leased.remove(item)
        wanted = Policy(**policy)
        started = item.started_at or self.now
        settled = settle(
            result,
            tries=item.tries,
            started_at=started,
            created_at=item.at,
            policy=wanted,
            now=self.now,
            jitter=0,
        )
        attempt = (cursor, self.endpoint, item.attempts + 1, self.now, 0, result.status)
        row = (*attempt, result.phase, "", b"", b"", 0, 0, 0, 0, 0, 0)
        tried = Tried(item, row, settled, wanted, self.instance.app, started, self.now)
        await self.store.write(record, [tried], [])
        self.hand.room += 1
        return await self.state(cursor)

    async def state(self, cursor: int) -> State:
        return State((await self.row(cursor))["state"])

    async def row(self, cursor: int) -> dict[str, Any]:
        sql = "SELECT * FROM delivery WHERE cursor = ? AND endpoint = ?"
        return await self.store.read(lambda tx: dict(tx.one(sql, (cursor, self.endpoint))))

    async def claim(self, limit: int = 100) -> int | None:
        return await self.store.write(deliveries.claim, self.endpoint, self.now, limit)

    def held(self) -> list[int]:
        """The cursors that are leased to this hand."""
        return [item.cursor for item in self.hand.leased]


def with_engine(test: Callable[..., Awaitable[None]]) -> Callable[[Path], None]:
    """Run an async test with an engine in a folder of its own."""

    def run(tmp_path: Path) -> None:
        async def main() -> None:
            engine = Engine(tmp_path)
            try:
                await engine.open()
                await test(engine)
            finally:
                engine.store.close()

        asyncio.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
