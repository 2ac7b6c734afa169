"""Recording what became of deliveries: attempts, states, lanes, endpoint health."""

from collections.abc import Sequence

from consignease.app import health
from consignease.app.tried import Tried
from consignease.domain.delivery import State
from consignease.domain.health import FAILING_TRIES
from consignease.store import attempts, deliveries, endpoints, lanes
from consignease.store.tx import Tx

__all__ = ["Tried", "record"]


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
        over = [
            lanes.Lane(one.item.subject, one.item.endpoint, now)
            for one in done
            if one.item.subject is not None and one.policy.ordering != "none"
        ]
        if over:
            tx.then(lanes.move_on_where_any_waits, over)
        for endpoint in healed:
            endpoints.working(tx, endpoint, now)
        if max(one.settled.tries for one in done) > FAILING_TRIES:
            health.recovered(tx, done)
    if len(done) < len(tried):
        failed = [one for one in tried if one.settled.state is not State.SUCCEEDED]
        for one in failed:
            _record_failure(tx, one)
        health.failed(tx, failed)


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
            tx.then(lanes.move_on, [lanes.Lane(item.subject, endpoint, one.now)])
        elif one.policy.ordering == "bounded":
            until = one.started_at + one.policy.overtake_ms
            lanes.set_patience(tx, item.subject, endpoint, until)
