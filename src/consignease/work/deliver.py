"""The worker: leased deliveries are signed, vetted, sent and recorded.

One direction: `take` (from the thread that commits) → `_pump` → `_fill` →
a sender → `_finish` → `_record` → the store. Work that did not
come by hand is claimed from the database when it is due. Everything from
`_pump` to `_record` runs on the event loop, in batches, and never waits.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, cast

from consignease.app.attempts import Tried, record
from consignease.domain.leases import Leased
from consignease.edge.clock import Clock
from consignease.edge.outcome import Outcome, Request
from consignease.edge.resolver import Refused, Resolver, Vetted, vet, vet_now
from consignease.store import deliveries
from consignease.store.opening import AnyStore
from consignease.work.backlog import Backlog
from consignease.work.bell import Bell
from consignease.work.gate import Gate, Route
from consignease.work.meter import Meter
from consignease.work.outlets import Outlets
from consignease.work.tries import Tag, judge, request

AGAIN = 1.0
"""Seconds after which what failed for a reason of our own is done again."""

_log = logging.getLogger("consignease.deliver")


class Deliverer(Bell):
    """The worker of one process; also the place that commits hand deliveries to.

    Args:
        load: Reads the route of an endpoint, until when it is paused, and
            whether a success would be news.
        clock: The time.
        resolver: Finds addresses.
        concurrency: Requests in flight to one endpoint at most.
        crash: Called with the name of each point at which fault tests end the process.
    """

    def __init__(
        self,
        *,
        load: Callable[[int], Awaitable[tuple[Route, int, bool]]],
        clock: Clock,
        resolver: Resolver,
        concurrency: int = 64,
        ca_file: str | None = None,
        crash: Callable[[str], None] | None = None,
    ) -> None:
        self._load = load
        self._clock = clock
        self._resolver = resolver
        self._concurrency = concurrency
        self._crash = crash
        self.meter = Meter()
        self._random = random.Random()  # noqa: S311 - spreads retries
        self.gates: dict[int, Gate] = {}
        self._inbox: deque[tuple[Sequence[Leased], Mapping[int, int]]] = deque()
        self._scheduled = False
        self._outcomes: deque[Outcome] = deque()
        self._finishing = False
        self._batch: list[Request] = []
        self._tried: list[Tried] = []
        self._recording = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False
        self._loop: asyncio.AbstractEventLoop
        self._store: AnyStore
        self._backlog: Backlog
        self.outlets = self._sender = Outlets(self._sent, self._finish, self.changed, ca_file)
        self.sent = 0

    async def start(self, store: AnyStore) -> None:
        """Begin to deliver: first what an earlier run left behind."""
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._backlog = Backlog(store, self._clock, self._look, self._wake_at)
        self._running = True
        self._sender.start()
        now = self._clock.now()
        reclaimed = await store.write(deliveries.reclaim, 2**62 if store.alone else now, now)
        if reclaimed:
            self.meter.takeovers += reclaimed
            _log.info("deliveries of an earlier run are due again: %d", reclaimed)
        self.take((), await store.read(deliveries.next_due))

    async def stop(self, grace: float) -> None:
        """Let requests in flight finish for `grace` seconds; return the rest unsent."""
        self._stopping = True
        for gate in self.gates.values():
            gate.open = False
            self._return(gate, 0)
        if any(gate.in_flight for gate in self.gates.values()):
            self._idle.clear()
            try:
                async with asyncio.timeout(grace):
                    await self._idle.wait()
            except TimeoutError:
                _log.warning("stopped with requests in flight; they will be tried again")
        await self._sender.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0)  # let the sender's last outcomes arrive
        end = self._loop.time() + grace
        while (self._tried or self._recording) and self._loop.time() < end:
            self._record()
            await asyncio.sleep(0.01)
        if left := len(self._tried) + self._recording:
            _log.error("stopped with %d results unrecorded; they are tried again", left)

    # Called by the thread that writes

    def reserve(self, endpoint: int, *, fresh: bool) -> bool:
        """Keep a place for one delivery of this endpoint, if there is room."""
        return (self.gates.get(endpoint) or self._gate(endpoint)).reserve(fresh=fresh)

    def release(self, leased: Sequence[Leased]) -> None:
        """Give back the places of deliveries whose transaction was rolled back."""
        for item in leased:
            self.gates[item.endpoint].reserved -= 1

    def caught_up(self, endpoint: int) -> None:
        """Let fresh deliveries be taken again: none that is due waits in the database."""
        self._gate(endpoint).behind = False

    def take(self, leased: Sequence[Leased], due: Mapping[int, int]) -> None:
        """Accept committed deliveries, and learn when endpoints have work in the database."""
        self._inbox.append((leased, due))
        if not self._scheduled and self._running:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._pump)

    def changed(self, endpoint: int) -> None:
        """Forget the settings of an endpoint."""
        if self._running:
            self._loop.call_soon_threadsafe(self._forget, endpoint)

    def _gate(self, endpoint: int) -> Gate:
        return self.gates.setdefault(endpoint, Gate(endpoint, self._concurrency))

    def _pump(self) -> None:
        self._scheduled = False
        now = self._clock.now()
        touched: dict[int, Gate] = {}
        inbox = self._inbox
        while inbox:
            leased, due = inbox.popleft()
            for item in leased:
                gate = self.gates[item.endpoint]
                gate.queue.append(item)
                touched[gate.no] = gate
            for endpoint, at in due.items():
                gate = touched[endpoint] = self._gate(endpoint)
                if gate.next_due is None or at < gate.next_due:
                    gate.next_due = at
        for gate in touched.values():
            self._fill(gate, now)
        self._flush()

    def _fill(self, gate: Gate, now: int, found: Vetted | None = None) -> None:
        """Start what may be started now (at the address just `found`), and claim more."""
        route = gate.route
        if route is None or (route.expires_at is not None and route.expires_at <= now):
            self._reload(gate)
            return
        if self._stopping or not route.open or gate.paused_until > now:
            gate.open = False
            # As old as it is, so that what came after it does not go before it.
            self._return(gate, gate.paused_until if gate.paused_until > now else 0)
            if gate.paused_until > now and route.open:
                self._wake_at(gate, gate.paused_until)
            return
        if not self._begin_all(gate, route, found):
            return
        gate.open = True
        if gate.claiming:
            return
        due = gate.claim_at()
        if due is None:
            return
        if due > now:
            self._wake_at(gate, due)
        elif gate.claims:
            self._backlog.claim(gate)

    def _begin_all(self, gate: Gate, route: Route, found: Vetted | None) -> bool:
        """Begin what may be in flight; False if its address must be found first."""
        queue = gate.queue
        if not queue or gate.in_flight >= gate.limit:
            return True
        vetted: Vetted | Refused | None = found
        if route.target is None:
            vetted = Refused("request", route.error)
        elif vetted is None:
            vetted = vet_now(self._resolver, route.target, route.guard)
        if vetted is None:
            self._vet(gate, route)
            return False
        while queue and gate.in_flight < gate.limit:
            self._begin(gate, route, queue[0], vetted)
            queue.popleft()
        return True

    def _begin(self, gate: Gate, route: Route, item: Leased, vetted: Vetted | Refused) -> None:
        """Hand one delivery to the sender, or settle it where it must not be sent."""
        if isinstance(vetted, Refused):
            self._fail(gate, route, item, vetted.phase, vetted.reason, vetted.dns_us)
            return
        assert route.target is not None
        tag = (gate, route, item, self._clock.now(), int(self._clock.wall()), vetted.dns_us)
        self._batch.append(request(tag, route.target, vetted))
        gate.begin(item)

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self.sent += len(batch)
            self._sender.submit(batch)
            if self._crash:
                self._crash("mid-send")

    def _fail(
        self, gate: Gate, route: Route, item: Leased, phase: str, error: str, dns_us: int = 0
    ) -> None:
        """Settle a delivery that could not even be sent."""
        gate.begin(item)
        now = self._clock.now()
        tag = (gate, route, item, now, now // 1000, dns_us)
        self._loop.call_soon(self._finish, [Outcome(tag, phase=phase, error=error)])

    def _sent(self, outcomes: list[Outcome]) -> None:
        """Bring outcomes from the sender's thread to the event loop, one wake-up for many."""
        self._outcomes.extend(outcomes)
        if not self._finishing:
            self._finishing = True
            self._loop.call_soon_threadsafe(self._finish_all)

    def _finish_all(self) -> None:
        self._finishing = False
        outcomes = self._outcomes
        self._finish([outcomes.popleft() for _ in range(len(outcomes))])

    def _finish(self, outcomes: Sequence[Outcome]) -> None:
        if self._crash:
            self._crash("after-response")
        now = self._clock.now()
        touched: dict[int, Gate] = {}
        for outcome in outcomes:
            tag = cast("Tag", outcome.tag)
            gate, route, item = tag[:3]
            gate.in_flight -= 1
            touched[gate.no] = gate
            if outcome.ours:
                # Nothing is known of the receiver: no try is used up.
                gate.queue.appendleft(item)
                if outcome.phase == "internal":
                    self.meter.internal(outcome.error)
                    gate.paused_until = max(gate.paused_until, now + round(AGAIN * 1000))
                gate.sending.discard(item.cursor)
                continue
            one = judge(tag, outcome, now, self._clock, self._random.uniform(-1, 1))
            gate.apply(one.settled)
            if one.settled.gone:
                route.open = False
            self._tried.append(one)
        for gate in touched.values():
            self._fill(gate, now)
        self._flush()
        self._record()
        if self._stopping and not any(gate.in_flight for gate in self.gates.values()):
            self._idle.set()

    def _record(self) -> None:
        if self._recording or not self._tried:
            return
        tried, self._tried = self._tried, []
        self._recording = len(tried)
        healed = [
            one.item.endpoint for one in tried if self.gates[one.item.endpoint].heals(one.settled)
        ]
        self._store.write(record, tried, healed).add_done_callback(partial(self._recorded, tried))

    def _recorded(self, tried: Sequence[Tried], done: "asyncio.Future[None]") -> None:
        self._recording = 0
        error = done.exception()
        if error is not None:
            # Ours, not theirs: what is known is kept until it can be written.
            _log.error("results of %d tries cannot be recorded yet: %s", len(tried), error)
            self._tried[:0] = tried
            self._loop.call_later(AGAIN, self._record)
            return
        self.meter.recorded(tried)
        now = self._clock.now()
        touched: dict[int, Gate] = {}
        for one in tried:
            gate = self.gates[one.item.endpoint]
            gate.end(one.item)
            touched[gate.no] = gate
        for gate in touched.values():
            gate.pace(now)
            if gate.queue or gate.next_due is not None:
                self._fill(gate, now)
        self._flush()
        self._record()

    def _look(self, gate: Gate) -> None:
        self._fill(gate, self._clock.now())
        self._flush()

    def _forget(self, endpoint: int) -> None:
        gate = self._gate(endpoint)
        gate.route = None
        gate.paused_until = 0
        gate.outdated = True
        self._reload(gate)

    def _reload(self, gate: Gate) -> None:
        if not gate.loading:
            gate.loading = True
            self._spawn(self._load_route(gate))

    async def _load_route(self, gate: Gate) -> None:
        try:
            loaded = await self._latest(gate)
        except Exception:  # noqa: BLE001 - the endpoint waits, nothing else does
            _log.exception("the settings of endpoint %d cannot be read", gate.no)
            self._wake_at(gate, self._clock.now() + 1_000)
            return
        finally:
            gate.loading = False
        route, paused_until, gate.failing = loaded
        # A receiver may have asked for a pause since, which is not in the row yet.
        gate.paused_until = max(gate.paused_until, paused_until)
        if gate.settle_in(route, self._concurrency):
            self._return(gate, 0)  # taken before the limit was known
        self._look(gate)

    async def _latest(self, gate: Gate) -> tuple[Route, int, bool]:
        """Read settings; again if they were changed meanwhile, which a snapshot does not show."""
        while True:
            gate.outdated = False
            loaded = await self._load(gate.no)
            if not gate.outdated:
                return loaded

    def _vet(self, gate: Gate, route: Route) -> None:
        if not gate.vetting:
            gate.vetting = True
            self._spawn(self._vet_target(gate, route))

    async def _vet_target(self, gate: Gate, route: Route) -> None:
        assert route.target is not None
        try:
            vetted = await vet(self._resolver, route.target, route.guard)
        finally:
            gate.vetting = False
        if isinstance(vetted, Refused) and gate.queue and gate.route is route:
            for item in gate.queue:
                self._fail(gate, route, item, vetted.phase, vetted.reason, vetted.dns_us)
            gate.queue.clear()
        found = vetted if isinstance(vetted, Vetted) and gate.route is route else None
        self._fill(gate, self._clock.now(), found)
        self._flush()

    def _return(self, gate: Gate, due_at: int) -> None:
        """Put what was not sent back; due when its message was made, unless that is later."""
        if gate.queue:
            self._backlog.give_back(gate, due_at or gate.queue[0].at)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wake_at(self, gate: Gate, at: int) -> None:
        """Look at this gate again at a time, unless that is planned for earlier already."""
        if gate.timer is not None and gate.timer[0] <= at:
            return
        if gate.timer is not None:
            gate.timer[1].cancel()  # type: ignore[attr-defined]
        wait = max(0, at - self._clock.now()) / 1000
        gate.timer = (at, self._loop.call_later(wait, self._timer, gate))

    def _timer(self, gate: Gate) -> None:
        gate.timer = None
        self._look(gate)
