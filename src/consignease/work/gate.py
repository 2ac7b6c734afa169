"""One endpoint as the worker sees it: its settings, its window, its queue."""

from collections import deque

from consignease.domain.delivery import Policy, Settled, State, next_limit, next_window
from consignease.domain.leases import Leased
from consignease.edge.guard import Policy as GuardPolicy
from consignease.edge.target import Target
from consignease.edge.tls import Tls
from consignease.wire.signing import Signs

PACE_MS = 200
"""Over how long it is measured how fast an endpoint is."""


class Route:
    """How requests to one endpoint are made; loaded from its row when needed.

    Attributes:
        app: Number of the application it belongs to.
        target: Where it is; None if its URL cannot be requested.
        error: Why it cannot be requested.
        signers: One for each live signing secret or key pair, newest first.
        headers: Header lines that are the same in every request.
        policy: Retry schedule and ordering.
        guard: Which addresses are allowed.
        timeout_ms: One deadline over a whole try.
        open: Whether deliveries may be sent: neither disabled, paused nor deleted.
        limited: Whether it, or its application, has a rate limit.
        concurrency: Requests in flight at most; None for what the server does elsewhere.
        tls: Its own certificates; None for the usual ones.
        expires_at: When the oldest live secret ends, in milliseconds.
    """

    __slots__ = (
        "app",
        "concurrency",
        "error",
        "expires_at",
        "guard",
        "headers",
        "limited",
        "open",
        "policy",
        "signers",
        "target",
        "timeout_ms",
        "tls",
    )

    def __init__(
        self,
        *,
        app: int,
        target: Target | None,
        error: str,
        signers: list[Signs],
        headers: list[str],
        policy: Policy,
        guard: GuardPolicy,
        timeout_ms: int,
        open: bool,  # noqa: A002 - the plain word
        expires_at: int | None,
        limited: bool = False,
        concurrency: int | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.app = app
        self.target = target
        self.error = error
        self.signers = signers
        self.headers = headers
        self.policy = policy
        self.guard = guard
        self.timeout_ms = timeout_ms
        self.open = open
        self.expires_at = expires_at
        self.limited = limited
        self.concurrency = concurrency
        self.tls = tls


class Gate:
    """What one endpoint has in the hands of this worker.

    `reserved` is only counted up and down by the thread that writes,
    `returned` only by the event loop; their difference is what is in hand, so
    neither needs a lock.

    Attributes:
        limit: How many requests may be in flight; adapts to the receiver.
        window: How many deliveries may be in hand; adapts to how fast they end.
        open: False while new deliveries have to stay in the database, because the endpoint
            is disabled or paused.
        behind: Whether older ones wait in the database, which go first. Whoever writes one
            there says so, and the claim that leaves none, both in the thread that writes: a
            moment later newer ones would wait there already, and it would stay behind for
            good under a load that it could carry.
        outdated: Whether settings were changed since it was begun to read them.
        sending: Cursors of what is in flight or not recorded yet.
        next_due: When the database has work for it, in milliseconds.
        grants: With a rate limit, how many places may be reserved just now: what a
            claim has taken tokens for. None without one.
        ready_at: With a rate limit, when there are tokens again, in milliseconds.
    """

    __slots__ = (
        "_ended",
        "_ended_bytes",
        "_ended_since",
        "behind",
        "ceiling",
        "claiming",
        "failing",
        "grants",
        "in_flight",
        "limit",
        "loading",
        "next_due",
        "no",
        "open",
        "outdated",
        "paused_until",
        "queue",
        "ready_at",
        "reserved",
        "returned",
        "route",
        "sending",
        "timer",
        "vetting",
        "window",
    )

    def __init__(self, no: int, ceiling: int) -> None:
        self.no = no
        self.ceiling = ceiling
        self.limit = ceiling
        self.window = 2 * ceiling
        self._ended = self._ended_bytes = self._ended_since = 0
        self.route: Route | None = None
        self.queue: deque[Leased] = deque()
        self.reserved = 0
        self.returned = 0
        self.in_flight = 0
        self.sending: set[int] = set()
        self.open = True
        self.behind = False
        self.failing = False
        self.loading = False
        self.outdated = False
        self.vetting = False
        self.claiming = False
        self.next_due: int | None = None
        self.paused_until = 0
        self.grants: int | None = None
        self.ready_at = 0
        self.timer: tuple[int, object] | None = None

    @property
    def room(self) -> int:
        """How many more deliveries may be taken."""
        return self.window - (self.reserved - self.returned)

    @property
    def claims(self) -> bool:
        """Whether there is room enough for a claim to be worth its while."""
        return self.room >= max(1, self.window // 4)

    def reserve(self, *, fresh: bool) -> bool:
        """Keep a place for one delivery, if there is room; in the thread that writes."""
        if (fresh and (self.behind or not self.open)) or self.room <= 0 or self.grants == 0:
            self.behind = True
            return False
        if self.grants is not None:
            self.grants -= 1
        self.reserved += 1
        return True

    def grant(self, count: int) -> None:
        """Let as many places be reserved as tokens were taken; in the thread that writes."""
        if self.grants is not None:
            self.grants = count

    def claim_at(self) -> int | None:
        """Return when the database has work that may be claimed, in milliseconds."""
        due = self.next_due
        return due if due is None or due >= self.ready_at else self.ready_at

    def settle_in(self, route: Route, ceiling: int) -> bool:
        """Take on a route that was just read, and its limits.

        Returns:
            Whether it has a rate limit that was not known before.

        Args:
            route: The route.
            ceiling: Requests in flight at most where the endpoint says nothing.
        """
        self.route = route
        # Who looks at it next opens the gate. What waits in the database goes first.
        self.open = False
        self.behind = self.behind or self.next_due is not None
        ceiling = route.concurrency or ceiling
        if ceiling != self.ceiling:
            self.ceiling = self.limit = ceiling
            self.window = 2 * ceiling
        if route.limited == (self.grants is not None):
            return False
        self.grants = 0 if route.limited else None
        self.ready_at = 0
        return route.limited

    def begin(self, item: Leased) -> None:
        """Count a delivery that is being sent."""
        self.in_flight += 1
        self.sending.add(item.cursor)

    def apply(self, settled: Settled) -> None:
        """Adapt to what a try has shown of the endpoint."""
        succeeded = settled.state is State.SUCCEEDED
        self.limit = next_limit(
            self.limit, self.ceiling, slower=settled.slower, succeeded=succeeded
        )
        if settled.pause_until is not None:
            self.paused_until = max(self.paused_until, settled.pause_until)

    def end(self, item: Leased) -> None:
        """Count a delivery whose try is recorded."""
        self.returned += 1
        self.sending.discard(item.cursor)
        self._ended += 1
        self._ended_bytes += len(item.body)

    def pace(self, now: int) -> None:
        """Adapt to how fast deliveries end."""
        elapsed = now - self._ended_since
        if elapsed < PACE_MS:
            return
        self.window = next_window(self.limit, self._ended, self._ended_bytes, elapsed)
        self._ended = self._ended_bytes = 0
        self._ended_since = now

    def heals(self, settled: Settled) -> bool:
        """Note success or failure; True for a success after failures."""
        healed = self.failing and settled.state is State.SUCCEEDED
        self.failing = settled.state is not State.SUCCEEDED
        return healed
