"""What a gate takes from the database, and puts back into it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from consignease.domain.leases import Leased
from consignease.edge.clock import Clock
from consignease.store import deliveries, limits
from consignease.store.opening import AnyStore
from consignease.work.gate import Gate

if TYPE_CHECKING:
    import asyncio

AGAIN_MS = 1_000
"""After how long the database is asked again when it could not answer."""


class Backlog:
    """Claims and returns deliveries, one claim at a time for each gate.

    Args:
        store: The database.
        clock: The time.
        look: Called with a gate when there is something new to be done about it.
        look_at: Called with a gate and when it is to be looked at again, in milliseconds.
    """

    def __init__(
        self,
        store: AnyStore,
        clock: Clock,
        look: Callable[[Gate], None],
        look_at: Callable[[Gate, int], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._look = look
        self._look_at = look_at

    def claim(self, gate: Gate) -> None:
        """Lease what is due and fits into the window; `look` is called when it is there."""
        gate.claiming = True
        # What becomes known from here on is newer than the claim's own answer.
        gate.next_due = None
        now, room = self._clock.now(), gate.room
        if gate.grants is None:
            claimed: asyncio.Future[Any] = self._store.write(deliveries.claim, gate.no, now, room)
        else:
            claimed = self._store.write(limits.claim, gate.no, now, room, gate.grant)
        claimed.add_done_callback(partial(self._claimed, gate))

    def _claimed(self, gate: Gate, done: "asyncio.Future[Any]") -> None:
        gate.claiming = False
        if done.exception() is not None:
            due = self._clock.now() + AGAIN_MS
        elif isinstance(done.result(), tuple):
            due, gate.ready_at = done.result()
        else:
            due = done.result()
        if due is not None and (gate.next_due is None or due < gate.next_due):
            gate.next_due = due
        self._look(gate)

    def give_back(self, gate: Gate, due_at: int) -> None:
        """Put what was not sent back into the database; no try is used up."""
        if not gate.queue:
            return
        items = list(gate.queue)
        gate.queue.clear()
        self._store.write(deliveries.give_back, items, due_at).add_done_callback(
            partial(self._given_back, gate, items)
        )

    def _given_back(
        self, gate: Gate, items: Sequence[Leased], done: "asyncio.Future[None]"
    ) -> None:
        if done.exception() is None:
            gate.returned += len(items)
        else:
            gate.queue.extendleft(reversed(items))
            self._look_at(gate, self._clock.now() + AGAIN_MS)
