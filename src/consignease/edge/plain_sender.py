"""Plain HTTP to one address, sent from the event loop itself.

For such a request a thread of its own costs more than it spares: each of its few
system calls hands the interpreter to and fro. Here one epoll that holds every
connection is itself a descriptor of the event loop, so that all that has become
ready is gone through in one callback, and its outcomes are handed over as one list.
"""

import asyncio
import logging
import select
from collections import deque
from collections.abc import Callable, Iterable

from consignease.edge.guard import Policy
from consignease.edge.handing import abandon, hand_over
from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain import READABLE, Connection
from consignease.edge.plain_pool import PlainPool

HERE = hasattr(select, "epoll")
"""Whether this system has what it takes."""

_BATCH = 256

_log = logging.getLogger(__name__)


def is_plain(request: Request) -> bool:
    """Tell whether a request can be sent in this way."""
    return HERE and request.url.startswith("http:") and "," not in request.address


class PlainSender:
    """Sends requests and says what came of each; never raises for one of them.

    All of it is called on the event loop. Every submitted request comes back exactly
    once, and never from within `submit`.

    Args:
        on_done: Takes all outcomes of a round.
        max_in_flight: Requests under way at the same time; the rest waits, its deadline
            not yet running.
    """

    def __init__(
        self, on_done: Callable[[list[Outcome]], None], *, max_in_flight: int = 1000
    ) -> None:
        self._on_done = on_done
        self._max = max_in_flight
        self._inbox: deque[Request] = deque()
        self._pools: dict[Policy, PlainPool] = {}
        # By the number of the socket. Whoever has closed his stays until the number returns.
        self._connections: dict[int, tuple[Connection, PlainPool]] = {}
        self._in_flight = 0
        self._done: list[Outcome] = []
        self._soon: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        self._loop: asyncio.AbstractEventLoop
        self._epoll: select.epoll

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        if HERE:
            self._epoll = select.epoll()
            self._mask = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
            self._loop.add_reader(self._epoll.fileno(), self._ready)

    def submit(self, batch: Iterable[Request]) -> None:
        """Send the requests.

        Raises:
            RuntimeError: the sender has been closed.
        """
        if self._closed:
            raise RuntimeError("the sender is closed")
        self._inbox.extend(batch)
        self._begin_all()
        self._plan()

    def close(self) -> None:
        """Stop: what has not finished, or not begun, comes back with phase `stopped`."""
        if self._closed:
            return
        self._closed = True
        for handle in (self._soon, self._timer):
            if handle is not None:
                handle.cancel()
        self._abandon("stopped", "the sender was stopped")
        words = "the sender was stopped"
        self._done += [Outcome(one.tag, phase="stopped", error=words) for one in self._inbox]
        self._inbox.clear()
        self._hand_over()
        if HERE:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _begin_all(self) -> None:
        inbox = self._inbox
        while inbox and self._in_flight < self._max:
            self._begin(inbox.popleft())

    def _begin(self, request: Request) -> None:
        # Connections are kept under the policy that they were opened with: never one for all.
        pool = self._pools.get(request.policy)
        if pool is None:
            pool = self._pools[request.policy] = self._open_pool(request.policy)
        try:
            refusal = pool.start(request)
        except (ValueError, TypeError, AttributeError) as error:
            refusal = Outcome(request.tag, phase="request", error=f"it cannot be sent: {error}")
        except Exception:  # noqa: BLE001 (one request must not cost the others)
            _log.exception("a request could not be started")
            refusal = Outcome(request.tag, phase="internal", error="the sender failed")
        if refusal is None:
            self._in_flight += 1
        else:
            self._done.append(refusal)

    def _open_pool(self, policy: Policy) -> PlainPool:
        pool = PlainPool(policy, self._max, lambda connection: self._watch(connection, pool))
        return pool

    def _watch(self, connection: Connection, pool: PlainPool) -> None:
        number = connection.fileno()
        self._connections[number] = connection, pool
        try:
            self._epoll.register(number, self._mask)
        except FileExistsError:
            self._epoll.modify(number, self._mask)

    def _ready(self) -> None:
        """Go on with every connection on which something has happened."""
        try:
            for number, mask in self._epoll.poll(0, _BATCH):
                found = self._connections.get(number)
                if found is None:
                    continue
                connection, pool = found
                if connection.request is not None:
                    connection.ready(mask)
                elif mask & READABLE:
                    pool.dropped(connection)
        except Exception:  # noqa: BLE001 (the sender must outlive every fault)
            _log.exception("the sender failed in a round; its requests are given back")
            self._abandon("internal", "the sender failed")
        self._collect()

    def _collect(self) -> None:
        """Take out of the pools what has come back, hand it over, and begin what waits."""
        self._soon = None
        try:
            for pool in self._pools.values():
                if pool.busy:
                    outcomes = pool.perform()
                    self._in_flight -= len(outcomes)
                    self._done += outcomes
        except Exception:  # noqa: BLE001 (the sender must outlive every fault)
            _log.exception("the sender failed in a round; its requests are given back")
            self._abandon("internal", "the sender failed")
        self._hand_over()
        if self._inbox:
            self._begin_all()
        self._plan()

    def _plan(self) -> None:
        """See to it that `_collect` comes round when there is something for it."""
        if self._closed:
            return
        ms = min((ms for one in self._pools.values() if (ms := one.timeout_ms()) >= 0), default=-1)
        if self._done or ms == 0:
            self._soon = self._soon or self._loop.call_soon(self._collect)
        elif ms > 0:
            at = self._loop.time() + ms / 1000
            if self._timer is None or at < self._timer_at:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer_at = at
                self._timer = self._loop.call_at(at, self._time)

    def _time(self) -> None:
        self._timer = None
        self._collect()

    def _abandon(self, phase: str, error: str) -> None:
        pools = [*self._pools.values()]
        self._pools.clear()
        self._in_flight = 0
        self._done += abandon(pools, phase, error)

    def _hand_over(self) -> None:
        done, self._done = self._done, []
        hand_over(self._on_done, done)
