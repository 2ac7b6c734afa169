"""Recording what became of deliveries: attempts, states, lanes, endpoint health."""

from collections.abc import Sequence

from consignease.domain.delivery import Policy, Settled, State
from consignease.domain.leases import Leased
from consignease.store import attempts, deliveries, endpoints
from consignease.store.tx import Tx


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


def record(tx: Tx, tried: Sequence[Tried], healed: Sequence[int]) -> None:
    """Record a batch of finished tries in one unit of work.

    Args:
        tx: The transaction.
        tried: What was tried, in the order it finished.
        healed: Numbers of endpoints that work, to be noted.
    """
    attempts.insert(tx, [one.attempt for one in tried])
    done = [one for one in tried if one.settled.state is State.SUCCEEDED]
    if done:
        deliveries.succeed(tx, [one.item for one in done])
        now = done[-1].now
        lanes = [
            (one.item.subject, one.item.endpoint)
            for one in done
            if one.item.subject is not None and one.policy.ordering != "none"
        ]
        if lanes:
            tx.then(deliveries.advance_lanes, lanes, now)
        for endpoint in healed:
            endpoints.working(tx, endpoint, now)
    if len(done) < len(tried):
        for one in tried:
            if one.settled.state is not State.SUCCEEDED:
                _record_failure(tx, one)


def _record_failure(tx: Tx, one: Tried) -> None:
    item, settled, endpoint = one.item, one.settled, one.item.endpoint
    lane = item.subject is not None and one.policy.ordering != "none"
    blocks = lane and not (item.tries and deliveries.is_overtaken(tx, item))
    state = deliveries.settle(
        tx,
        item,
        state=settled.state,
        tries=settled.tries,
        due_at=settled.due_at,
        overtaken=settled.overtaken,
        started_at=one.started_at,
    )
    if state is State.PENDING and settled.due_at is not None:
        tx.wake(endpoint, settled.due_at)
    if blocks and item.subject is not None:
        if state is not State.PENDING or settled.overtaken:
            tx.then(deliveries.advance, item.subject, endpoint, one.now)
        elif one.policy.ordering == "bounded":
            until = one.started_at + one.policy.overtake_ms
            deliveries.set_patience(tx, item.subject, endpoint, until)
    endpoints.failing(tx, endpoint, one.now)
    if settled.pause_until is not None:
        endpoints.pause(tx, endpoint, settled.pause_until)
    if settled.gone:
        endpoints.disable(tx, endpoint, one.app, "The endpoint answered 410 Gone.", one.now)
