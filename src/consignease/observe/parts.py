"""The parts of a server's health: one function each, ``ok`` or what is wrong and what to do."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from consignease.domain.faults import Fault
from consignease.edge.clock import Clock
from consignease.observe.backlog import Backlog
from consignease.observe.health import OK, Part
from consignease.observe.names import WatchedResolver
from consignease.observe.pulse import Pulse
from consignease.store import backlog as store_backlog
from consignease.store import housekeeping
from consignease.store.opening import AnyStore
from consignease.work.outlets import Outlets

LOW_DISK = 1 << 30
LATE_SECONDS = 60
SKEW_SECONDS = 30
WRITE_SECONDS = 5.0


class Parts:
    """What the parts look at."""

    def __init__(
        self,
        *,
        store: AnyStore,
        outlets: Outlets,
        clock: Clock,
        backlog: Backlog,
        names: WatchedResolver,
        pulse: Pulse,
        folder: Path,
    ) -> None:
        self._store = store
        self._outlets = outlets
        self._clock = clock
        self._backlog = backlog
        self._names = names
        self._pulse = pulse
        self._folder = folder
        self._written_at = float("-inf")

    def all(self) -> Mapping[str, Part]:
        """Return every part by its name, the vital ones first."""
        return {
            "database": self.database,
            "worker": self.worker,
            "sender": self.sender,
            "names": self.names,
            "disk": self.disk,
            "clock": self.clock,
            "deliveries": self.deliveries,
            "tasks": self.tasks,
        }

    async def database(self) -> str:
        """Whether it takes writes: one is tried, at most every few seconds while all is well.

        On a full disk some writes still find room: several refusals count as well.
        """
        began = time.monotonic()
        why = self._store.commits.refusing(began - WRITE_SECONDS)
        if not why and (self._store.failure or began - self._written_at >= WRITE_SECONDS):
            try:
                await self._store.write(housekeeping.tick, self._clock.now())
                self._written_at = began
            except Fault as fault:
                why = self._store.failure or fault.message
        if not why:
            return OK
        return (
            f"{why}; changes are refused meanwhile, nothing is lost: check the disk and the "
            "database, no restart is needed"
        )

    async def worker(self) -> str:
        """Whether the event loop has stood still."""
        late, ago = self._pulse.worst_recent()
        if not late:
            return OK
        return (
            f"the event loop stood still for {late:.1f} s, {ago:.0f} s ago: the log says where; "
            "if nothing is said there, this machine is overloaded"
        )

    async def sender(self) -> str:
        """Whether the thread that sends is there."""
        if self._outlets.alive:
            return OK
        return "its thread has ended; it is started again within a second, see the log"

    async def names(self) -> str:
        """Whether receivers' names can be resolved."""
        failure = self._names.failure()
        if not failure:
            return OK
        return f"{failure}, and no other name did since: check this machine's name server"

    async def disk(self) -> str:
        """Whether there is room where the data is."""
        free = shutil.disk_usage(self._folder).free
        if free >= LOW_DISK:
            return OK
        return f"{free / (1 << 20):,.0f} MiB are free in {self._folder}: make room"

    async def clock(self) -> str:
        """Whether the wall clock agrees with the time that has passed, and with the database."""
        wall = self._clock.wall()
        away = wall - self._clock.now() / 1000
        if abs(away) <= SKEW_SECONDS and not self._store.alone:
            away = wall - await self._store.read(store_backlog.clock) / 1000
        if abs(away) <= SKEW_SECONDS:
            return OK
        side = "ahead" if away > 0 else "behind"
        return (
            f"this machine's clock is {abs(away):,.0f} s {side}; receivers refuse signatures that "
            "are five minutes off: set it (NTP)"
        )

    async def deliveries(self) -> str:
        """Whether what is due is sent in time."""
        depths = await self._backlog.read()
        late = max((one.late_ms for one in depths.values()), default=0) / 1000
        if late <= LATE_SECONDS:
            return OK
        return (
            f"the first delivery that is due has waited {late:,.0f} s: an endpoint is slow "
            "(see its page), or more workers are needed"
        )

    async def tasks(self) -> str:
        """Whether the loops beside the event loop run."""
        ended = self._pulse.ended_tasks()
        return f"{'; '.join(ended)}; restart the server" if ended else OK
