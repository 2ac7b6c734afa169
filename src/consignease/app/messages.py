"""The verbs of an application's own messages."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease.app import fanout
from consignease.domain.faults import Conflict, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import deliveries, endpoints, message_lists, messages
from consignease.store.tx import Tx


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be.

    Attributes:
        body: What is sent: JSON in the form that survives JavaScript.
        uid: Your own id for it, used once and never again; None for none.
        channels: Narrows which endpoints it goes to; none for no narrowing.
    """

    type: str
    body: bytes
    uid: str | None = None
    channels: Sequence[str] = ()


def create(tx: Tx, instance: Instance, wanted: Outgoing, now: int) -> Any:
    """Append a message to the log and address it to every matching endpoint.

    Returns:
        Its row.

    Raises:
        Conflict: its id was used before.
    """
    cursor = tx.next_cursor()
    messages.insert(
        tx,
        cursor=cursor,
        instance=instance.no,
        app=instance.app,
        type=wanted.type,
        subject=None,
        version=0,
        at=now,
        body=wanted.body,
    )
    if wanted.uid is not None or wanted.channels:
        named = messages.name(tx, instance.app, cursor, wanted.uid, wanted.channels)
        if not named:
            raise Conflict(f"There is a message with the eventId {wanted.uid}.", code="conflict")
    matching = endpoints.matching(tx, instance.app, wanted.type, wanted.channels)
    if matching:
        fresh = deliveries.Fresh(
            cursor=cursor,
            subject=None,
            at=now,
            body=wanted.body,
            instance_id=instance.id,
            deletes=False,
        )
        fanout.address(tx, instance.app, fresh, matching)
    return messages.get(tx, instance.app, cursor)


def find(tx: Tx, instance: Instance, name: str) -> Any:
    """Return the row of the message with that id or eventId.

    Raises:
        NotFound: there is none.
    """
    cursor = cursor_of(instance.id, name)
    if cursor is None:
        cursor = messages.by_uid(tx, instance.app, name)
    row = None if cursor is None else messages.get(tx, instance.app, cursor)
    if row is None:
        raise NotFound(f"There is no message {name}.", code="not_found")
    return row


def expunge(tx: Tx, instance: Instance, name: str) -> None:
    """Forget a message's body; what was not sent of it never will be.

    Raises:
        NotFound: there is no such message.
    """
    cursor = find(tx, instance, name)["cursor"]
    message_lists.cancel(tx, cursor)
    messages.expunge(tx, instance.app, cursor)
