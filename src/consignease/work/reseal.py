"""Giving sealed values to another key of the ring while everything goes on.

A ring with one key is at rest. One with several is on its way to having one:
every value that an older key sealed is opened and sealed by the newest, a few
at a time; then, once nobody can still write a value that was sealed before the
newest key came, all values are looked at again, and the older keys go. A
process that is killed on the way begins again where the ring shows it has to.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from consignease.edge.vault import Vault, VaultError, key_number, new_key
from consignease.store import sealed
from consignease.store.opening import AnyStore
from consignease.store.sealed import Place, Value

PAGE = 200
"""How many values are read at once."""
BATCH = 25
"""How many are written in one unit of work."""
RETIRE_SECONDS = 60.0
"""How long after a new key came older ones are kept at least, where one process writes."""
RETIRE_SECONDS_SHARED = 3600.0
"""The same where several do: machines with a folder of their own need the new ring first."""
AGAIN_SECONDS = 5.0
"""After how many seconds it is tried again when the database could not be used."""

Phase = Literal["at rest", "sealing", "retiring", "failed"]

_log = logging.getLogger("consignease.reseal")


class Ring(Protocol):
    """The file that holds the ring: `consignease.folder.KeyRing` is one."""

    def read(self) -> Mapping[int, str]:
        """Return the keys by their numbers."""
        ...

    def add(self, fresh: str) -> Mapping[int, str]:
        """Add a key, unless one was added that older ones still wait for."""
        ...

    def drop(self, numbers: set[int]) -> None:
        """Remove keys."""
        ...


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far it is.

    Attributes:
        keys: Numbers of the keys in the ring.
        done: How many values were looked at.
        total: How many there are.
        resealed: How many the newest key was given.
        error: What is in the way, when it failed.
    """

    phase: Phase
    keys: list[int]
    done: int = 0
    total: int = 0
    resealed: int = 0
    error: str = ""


class Resealer:
    """Brings a ring to rest.

    Args:
        store: Where sealed values are.
        vault: Seals and opens them; follows the ring's file.
        ring: The ring.
        crash: Called with the name of each point at which fault tests end the process.
    """

    def __init__(
        self,
        store: AnyStore,
        vault: Vault,
        ring: Ring,
        crash: Callable[[str], None] | None = None,
    ) -> None:
        self._crash = crash
        self._store = store
        self._vault = vault
        self._ring = ring
        self._asked = asyncio.Event()
        # The file's own time is a wall clock's, which steps; what was under way
        # before this process began is over.
        self._since = time.monotonic()
        self._progress = Progress(phase="at rest", keys=sorted(ring.read()))
        if len(self._progress.keys) > 1:
            self._asked.set()

    def progress(self) -> Progress:
        """Return how far it is."""
        return self._progress

    async def rotate(self) -> Progress:
        """Add a key to the ring and begin; or go on, where that was done before."""
        ring = await asyncio.to_thread(self._ring.add, new_key())
        if self._progress.phase not in {"sealing", "retiring"}:
            self._since = time.monotonic()
            self._progress = Progress(phase="sealing", keys=sorted(ring))
            self._asked.set()
        return self._progress

    async def run(self) -> None:
        """Work whenever it is asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._to_rest()
            except Exception as error:  # noqa: BLE001 - it is said, and tried again
                _log.exception("values cannot be sealed anew just now; it is tried again")
                self._say(phase="failed", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(AGAIN_SECONDS)
                self._asked.set()

    async def _to_rest(self) -> None:
        retire = RETIRE_SECONDS if self._store.alone else RETIRE_SECONDS_SHARED
        while len(ring := self._ring.read()) > 1:
            age = time.monotonic() - self._since
            self._say(phase="sealing", keys=sorted(ring), error="")
            newest = max(ring)
            left, lost = await self._pass(newest)
            if lost:
                names = ", ".join(lost[:5])
                msg = f"{len(lost)} values cannot be opened by any key of the ring: {names}"
                _log.error("older keys stay in the ring: %s", msg)
                self._say(phase="failed", error=msg)
                return
            if left:
                continue
            if age >= retire:
                await asyncio.to_thread(self._ring.drop, set(ring) - {newest})
                _log.info("the key ring has one key again: number %d", newest)
                continue
            self._say(phase="retiring")
            await asyncio.sleep(max(0.0, retire - (time.monotonic() - self._since)))
        self._say(phase="at rest", keys=sorted(ring), error="")

    async def _pass(self, newest: int) -> tuple[int, list[str]]:
        """Look at every value; return how many were old, and what cannot be opened."""
        self._say(done=0, total=await self._store.read(sealed.count))
        found, lost = 0, list[str]()
        for place in sealed.PLACES:
            after = place.first
            while values := await self._store.read(sealed.page, place, after, PAGE):
                after = values[-1].key
                old = [one for one in values if key_number(one.sealed) != newest]
                found += await self._seal(place, old, lost)
                self._say(done=self._progress.done + len(values))
        return found, lost

    async def _seal(self, place: Place, values: list[Value], lost: list[str]) -> int:
        fresh: list[tuple[Value, bytes]] = []
        for value in values:
            try:
                opened = self._vault.open(value.sealed, value.belongs_to)
            except VaultError:
                lost.append(f"{place.column} of {value.belongs_to}")
                continue
            fresh.append((value, self._vault.seal(opened, value.belongs_to)))
        for at in range(0, len(fresh), BATCH):
            await self._store.write(sealed.replace, place, fresh[at : at + BATCH])
            if self._crash:
                self._crash("mid-reseal")
        self._say(resealed=self._progress.resealed + len(fresh))
        return len(fresh)

    def _say(self, **changes: object) -> None:
        self._progress = msgspec.structs.replace(self._progress, **changes)
