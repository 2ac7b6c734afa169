"""The loop of background tasks: chunk after chunk, each a unit of work of its own.

Between two chunks everything else has its turn. What there is to do is read
from the database, so a process that starts finds what another left.
"""

import asyncio
import logging

from consignease.app import fanout, replays, statistics, tasks
from consignease.domain.faults import Fault, Unavailable
from consignease.edge.clock import Clock
from consignease.store.opening import AnyStore

LOOK_SECONDS = 5.0
"""After how long the database is looked at though nobody rang."""
PAUSE_SECONDS, LONG_PAUSE_SECONDS = 0.02, 0.5
"""How long tasks wait that have to wait: first, and if that goes on."""
AGAIN_SECONDS = 1.0
"""How long after an error of ours until the next try."""
TRIES = 3
"""After how many errors of one chunk its task is given up."""

KINDS: tasks.Kinds = {**replays.KINDS, **statistics.KINDS}

_log = logging.getLogger("consignease.tasks")


class Tasks:
    """The tasks of one process.

    Args:
        store: Runs the chunks.
        clock: The time.
    """

    def __init__(self, store: AnyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._errors: dict[int, int] = {}

    def ring(self) -> None:
        """Say that there may be work; from any thread."""
        self._loop.call_soon_threadsafe(self._rung.set)

    async def run(self) -> None:
        """Work until cancelled."""
        pause = PAUSE_SECONDS
        while True:
            self._rung.clear()
            try:
                cursors, numbers = await self._store.read(tasks.waiting)
                done = [await self._expand(cursor) for cursor in cursors]
                done += [await self._step(number) for number in numbers]
            except Exception:  # noqa: BLE001 - the next round may do better
                _log.exception("background tasks failed; they are tried again")
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if any(done):
                pause = PAUSE_SECONDS
                continue
            await self._rest(pause if done else LOOK_SECONDS)
            pause = min(2 * pause, LONG_PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            pass

    async def _expand(self, cursor: int) -> bool:
        try:
            return await self._store.write(fanout.expand, cursor, self._clock.now())
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - the others go on
            _log.exception("the message at cursor %d cannot be addressed yet", cursor)
            return False

    async def _step(self, number: int) -> bool:
        """Do one chunk; what stops its task for good is written into it."""
        now = self._clock.now()
        try:
            done = await self._store.write(tasks.step, number, KINDS, now)
        except Unavailable:
            raise
        except Fault as fault:
            await self._store.write(tasks.fail, number, fault.detail, now)
            return True
        except Exception as error:
            self._errors[number] = self._errors.get(number, 0) + 1
            if self._errors[number] < TRIES:
                raise
            _log.exception("task %d is given up", number)
            why = f"{type(error).__name__}: {error}"
            await self._store.write(tasks.fail, number, why, now)
            return True
        self._errors.pop(number, None)
        return done
