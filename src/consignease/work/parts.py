"""Old parts of the log go whole, where the database keeps it in parts; the rest row by row."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from consignease.app import retention

if TYPE_CHECKING:
    from consignease.store.opening import AnyStore
    from consignease.store.postgres_partitions import Part

PATIENCE_MS = 2 * 86_400_000
"""How much longer than it has to be a row is kept if it then goes with its whole part."""
TRIES = 10
"""How often one round tries to get at a part that others are using."""
Unit: TypeAlias = Callable[..., Awaitable[Any]]


class Parts:
    """Removes old parts of the log and of its attempts.

    Args:
        store: Runs the units of work.
        write: Runs one and rests.
        paced: Does something else and rests.
        crash: Called at each point at which fault tests end the process.
    """

    def __init__(
        self,
        store: "AnyStore",
        write: Unit,
        paced: Unit,
        crash: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._write = write
        self._paced = paced
        self._crash = crash

    async def finish(self) -> None:
        """Drop what a process took off its table that ended before it was dropped."""
        if self._store.partitions is not None:
            await self._store.partitions.drop_detached()

    async def attempts(self, first: int, below: int, soon: int, now: int) -> None:
        """Remove attempts of finished deliveries.

        Args:
            first: The cursor to begin at.
            below: The one before which everything is old.
            soon: The one before which everything will be after `PATIENCE_MS`.
            now: The time, in milliseconds.
        """
        for at, end in await self._whole("attempt", first, below, soon, now):
            await self._all(retention.remove_attempts, at, end)

    async def messages(self, below: int, soon: int, now: int) -> None:
        """Remove messages with all that belongs to them; `below` and `soon` as for attempts."""
        for at, end in await self._whole("message", 0, below, soon, now):
            await self._all(retention.remove_messages, at - 1, end, now)

    async def _all(self, unit: Callable[..., int | None], at: int, *args: int) -> None:
        going: int | None = at
        while going is not None:
            going = await self._write(unit, going, *args)

    async def _whole(
        self, table: str, first: int, below: int, soon: int, now: int
    ) -> list[tuple[int, int]]:
        """Drop old parts; return the cursors whose rows go one by one, as firsts and ends.

        What waits for the whole of its part is in neither.
        """
        at, ranges = first, list[tuple[int, int]]()
        partitions = self._store.partitions
        for part in [] if partitions is None else await partitions.parts(table):
            if first <= part.first and part.end <= below:
                if await self._drop(table, part, now):
                    ranges.append((at, part.first))
                    at = part.end
            elif part.first < below < part.end <= soon:
                below = part.first
        ranges.append((at, below))
        return [(at, end) for at, end in ranges if at < end]

    async def _drop(self, table: str, part: "Part", now: int) -> bool:
        partitions = self._store.partitions
        if partitions is None or not await self._store.read(
            retention.can_go, table, part.first, part.end, now
        ):
            return False
        if table == "message":
            await self.attempts(part.first, part.end, part.end, now)
            await self._all(retention.remove_deliveries, part.first, part.end)
            await self._all(retention.remove_tags, part.first, part.end)
        for _ in range(TRIES):
            if await self._paced(partitions.detach, table, part):
                if self._crash is not None:
                    self._crash("after-detach")
                await partitions.drop_detached()
                return True
        return False
