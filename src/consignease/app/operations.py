"""Operational events, written in the transaction of their cause."""

from typing import Any

import msgspec

from consignease.domain import operations as rules
from consignease.domain.instances import Instance
from consignease.domain.messages import attempt_id, message_id
from consignease.store import addressing, endpoints, messages
from consignease.store import operations as store
from consignease.store.attempts import Row
from consignease.store.tx import Tx
from consignease.wire import json
from consignease.wire.ids import AppId, new_id


def application(tx: Tx, instance: Instance, now: int) -> Instance:
    """Return the instance as its operational application sees it; it is made when first needed."""
    row = store.of_instance(tx, instance.no) or store.add(tx, instance.no, new_id("app"), now)
    return msgspec.structs.replace(instance, app=row["no"], app_id=AppId(row["id"]))


def existing(tx: Tx, instance: Instance) -> Instance | None:
    """Return the same; None while nobody has asked for operational events."""
    row = store.of_instance(tx, instance.no)
    if row is None:
        return None
    return msgspec.structs.replace(instance, app=row["no"], app_id=AppId(row["id"]))


def of_endpoint(tx: Tx, app: int, event: str, row: Any, now: int, **more: Any) -> None:
    """Tell of an endpoint.

    Args:
        tx: The transaction.
        app: The application it belongs to.
        event: The type.
        row: The endpoint's row.
        now: The present, in milliseconds.
        **more: Further members of the payload.
    """
    to = store.carrier(tx, app)
    if to is not None:
        _publish(tx, to, event, {**rules.about_endpoint(to, row["id"], row["uid"]), **more}, now)


def of_attempt(tx: Tx, app: int, event: str, row: Any, attempt: Row, at: int, now: int) -> None:
    """Tell of a delivery and its last attempt.

    Args:
        tx: The transaction.
        app: The application of the endpoint.
        event: The type.
        row: The endpoint's row.
        attempt: The attempt as it was recorded.
        at: When the message was created, in milliseconds.
        now: The present.
    """
    to = store.carrier(tx, app)
    if to is None:
        return
    cursor, number, n, tried_at, _, status = attempt[:6]
    data = {
        **rules.about_endpoint(to, row["id"], row["uid"]),
        "msgId": message_id(to["instance_id"], cursor, at),
        "msgEventId": store.message_uid(tx, cursor),
        "lastAttempt": {
            "id": attempt_id(to["instance_id"], cursor, number, n, tried_at),
            "responseStatusCode": status,
            "timestamp": rules.shown(tried_at),
        },
    }
    _publish(tx, to, event, data, now)


def of_silence(tx: Tx, app: int, since: int, waiting: list[str], now: int) -> None:
    """Tell that nothing was delivered for too long.

    Args:
        tx: The transaction.
        app: The instance's built-in application.
        since: Since when, in milliseconds.
        waiting: The endpoints for which something waits.
        now: The present.
    """
    to = store.carrier(tx, app)
    if to is not None:
        data = {"since": rules.shown(since), "endpointIds": waiting}
        _publish(tx, to, "delivery.silent", data, now)


def _publish(tx: Tx, to: Any, event: str, data: dict[str, Any], now: int) -> None:
    cursor = tx.next_cursor()
    body = json.dumps(json.canonical({"data": data, "type": event}))
    messages.insert(
        tx,
        cursor=cursor,
        instance=to["instance"],
        app=to["no"],
        type=event,
        subject=None,
        version=0,
        at=now,
        body=body,
    )
    fresh = addressing.Fresh(
        cursor=cursor,
        subject=None,
        at=now,
        body=body,
        instance_id=to["instance_id"],
        deletes=False,
    )
    matching = endpoints.matching(tx, to["no"], event)
    addressing.insert(tx, addressing.addressed(tx, fresh, matching))
