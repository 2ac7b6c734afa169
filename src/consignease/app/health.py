"""What tries say about their endpoint: that it fails, works again, or has to be disabled."""

from collections.abc import Iterable
from functools import partial

from consignease.app import operations
from consignease.app.tried import Tried
from consignease.domain import health as rules
from consignease.domain.delivery import State
from consignease.domain.operations import shown
from consignease.store import endpoint_health, endpoints
from consignease.store.tx import Tx


def failed(tx: Tx, tried: Iterable[Tried]) -> None:
    """Note the failures of a batch, each endpoint once, and disable what has to be."""
    newest: dict[int, Tried] = {}
    for one in tried:
        newest[one.item.endpoint] = one
        _tell_of_message(tx, one)
        if one.settled.pause_until is not None:
            endpoints.pause(tx, one.item.endpoint, one.settled.pause_until)
            if not tx.alone:
                tx.on_commit(partial(tx.hand.changed, one.item.endpoint))
    for number, one in newest.items():
        _note(tx, number, one)
    for one in tried:
        if one.settled.gone:
            _disable(tx, one, _WHY[one.attempt[5] == 410])


_WHY = {
    True: "The endpoint answered 410 Gone.",
    False: "The endpoint asked to be disabled (webhook-delivery: disable).",
}


def recovered(tx: Tx, done: Iterable[Tried]) -> None:
    """Tell of deliveries that succeeded after they were reported as failing."""
    for one in done:
        if one.item.tries >= rules.FAILING_TRIES:
            row = endpoint_health.get(tx, one.item.endpoint)
            event = "message.attempt.recovered"
            operations.of_attempt(tx, one.app, event, row, one.attempt, one.item.at, one.now)


def _tell_of_message(tx: Tx, one: Tried) -> None:
    settled = one.settled
    if settled.state is State.FAILED:
        event = "message.attempt.exhausted"
    elif settled.tries == rules.FAILING_TRIES and settled.tries > one.item.tries:
        event = "message.attempt.failing"
    else:
        return
    row = endpoint_health.get(tx, one.item.endpoint)
    operations.of_attempt(tx, one.app, event, row, one.attempt, one.item.at, one.now)


def _note(tx: Tx, number: int, one: Tried) -> None:
    row = endpoint_health.get(tx, number)
    first, last, now = row["first_failure_at"], row["last_failure_at"], one.now
    found = rules.failed(first, last, now, one.policy.disable_after_ms)
    if found.disable and not row["disabled"]:
        # Another process may have been luckier since; what the log says counts.
        if endpoint_health.worked_lately(tx, number):
            found = rules.Failing(now, disable=False)
        else:
            days = one.policy.disable_after_ms / rules.DAY_MS
            _disable(tx, one, f"Every attempt failed for {days:g} days.")
    endpoint_health.failed(tx, number, found.since, now)
    if first is None and not tx.alone:
        # Other processes have to know that their next success is news.
        tx.on_commit(partial(tx.hand.changed, number))


def _disable(tx: Tx, one: Tried, reason: str) -> None:
    number = one.item.endpoint
    row = endpoint_health.get(tx, number)
    if row["disabled"]:
        return
    endpoint_health.disable(tx, number, one.app, reason, one.now)
    since = row["first_failure_at"] or one.now
    operations.of_endpoint(
        tx,
        one.app,
        "endpoint.disabled",
        row,
        one.now,
        failSince=shown(since),
        trigger="automatic",
    )
    tx.on_commit(partial(tx.hand.changed, number))
