"""Finding out who sent a request.

Secret keys and API keys are remembered for some seconds, since every request
carries one. What is revoked here is forgotten at once; other processes are told,
and look again after `REMEMBER_MS` if they were not. Portal tokens are looked up
each time. When API keys were used is gathered, and noted now and then.
"""

import asyncio
import logging
from collections.abc import Callable

from consignease.api.ops import Units
from consignease.app import api_keys, portal
from consignease.domain.access import Caller
from consignease.domain.keys import API_KEY_PREFIX, PORTAL_PREFIX, key_hash
from consignease.store import instances
from consignease.store.tx import Tx

REMEMBER_MS = 10_000
"""How long a key is taken for good without looking again, in milliseconds."""
NOTE_SECONDS = 10.0
"""How often uses of API keys are noted."""

_log = logging.getLogger("consignease.api")


class Callers:
    """Who the keys and tokens of requests belong to.

    Args:
        store: Where keys are kept.
        now: The time in milliseconds.
    """

    def __init__(self, store: Units, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._known: dict[str, tuple[Caller, int]] = {}
        self._forgotten = 0
        self._used: dict[str, int] = {}

    async def find(self, key: str) -> Caller | None:
        """Return whom a key or token belongs to; None if it is not, or no longer, one."""
        now = self._now()
        if key.startswith(PORTAL_PREFIX):
            return await self._store.read(portal.caller, key, now)
        known = self._known.get(key)
        if known is None or known[1] <= now:
            known = await self._look_up(key, now)
            if known is None:
                return None
        caller = known[0]
        if caller.expires_at is not None and caller.expires_at <= now:
            return None
        if caller.mark:
            self._used[caller.mark] = now
        return caller

    async def _look_up(self, key: str, now: int) -> tuple[Caller, int] | None:
        self._known.pop(key, None)
        forgotten = self._forgotten
        caller = await self._store.read(_by_key, key, now)
        if caller is None:
            return None
        # What was read while a key was revoked may be older than that.
        found = (caller, now + REMEMBER_MS)
        if forgotten == self._forgotten:
            self._known[key] = found
        return found

    def forget(self) -> None:
        """Look every key up again."""
        self._forgotten += 1
        self._known.clear()

    async def note_uses(self) -> None:
        """Write down when API keys were last used."""
        uses, self._used = self._used, {}
        if uses:
            await self._store.write(api_keys.used, list(uses.items()))

    async def run(self) -> None:
        """Note uses now and then, until cancelled."""
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            try:
                await self.note_uses()
            except Exception:  # noqa: BLE001 - the next round may do better
                _log.exception("uses of API keys could not be noted")


def _by_key(tx: Tx, key: str, now: int) -> Caller | None:
    if key.startswith(API_KEY_PREFIX):
        return api_keys.caller(tx, key, now)
    instance = instances.by_secret_key(tx, key_hash(key))
    return None if instance is None else Caller(instance=instance, name=f"secret key …{key[-4:]}")
