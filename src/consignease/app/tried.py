"""One finished try, as it comes from the worker to be recorded."""

from consignease.domain.delivery import Policy, Settled
from consignease.domain.leases import Leased
from consignease.store import attempts


class Tried:
    """One finished try of one delivery, ready to be recorded."""

    __slots__ = ("app", "attempt", "item", "now", "policy", "settled", "started_at")

    def __init__(
        self,
        item: Leased,
        attempt: attempts.Row,
        settled: Settled,
        policy: Policy,
        app: int,
        started_at: int,
        now: int,
    ) -> None:
        self.item = item
        self.attempt = attempt
        self.settled = settled
        self.policy = policy
        self.app = app
        self.started_at = started_at
        self.now = now
