"""The verbs of an application's own messages."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease.domain.faults import Conflict, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import deliveries, endpoints, labels, message_lists, messages
from consignease.store.tx import Tx


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be.

    Attributes:
        body: What is sent: JSON in the form that survives JavaScript.
        uid: Your own id for it, used once and never again; None for none.
        channels: Narrows which endpoints it goes to; none for no narrowing.
        tags: By which it can be found.
        deliver_at: When it is to be sent, in milliseconds; None for at once.
        content_type: What the body is, if not JSON of our own form.
        expires_at: When the body is to be forgotten; None for the server's rule.
    """

    type: str
    body: bytes
    uid: str | None = None
    channels: Sequence[str] = ()
    tags: Sequence[str] = ()
    deliver_at: int | None = None
    content_type: str | None = None
    expires_at: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it is sent at once, as JSON, and nothing more is to be noted of it."""
        return not self.tags and self.deliver_at is self.content_type is self.expires_at is None


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
    if not wanted.plain:
        labels.note(
            tx,
            instance.app,
            cursor,
            tags=wanted.tags,
            deliver_at=wanted.deliver_at,
            content_type=wanted.content_type,
            expires_at=wanted.expires_at,
        )
    matching = endpoints.matching(tx, instance.app, wanted.type, wanted.channels)
    if wanted.deliver_at is not None or wanted.content_type is not None:
        labels.address(tx, cursor, [no for no, _ in matching], wanted.deliver_at or now)
    elif matching:
        fresh = deliveries.Fresh(
            cursor=cursor,
            subject=None,
            at=now,
            body=wanted.body,
            instance_id=instance.id,
            deletes=False,
        )
        deliveries.enqueue(tx, fresh, matching)
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


def is_wanted(tx: Tx, instance: Instance, event_type: str, channels: Sequence[str]) -> bool:
    """Tell whether a message of a type would go to any endpoint that is not disabled."""
    numbers = [no for no, _ in endpoints.matching(tx, instance.app, event_type, channels)]
    return any(not endpoints.by_number(tx, no)["disabled"] for no in numbers)


def expunge(tx: Tx, instance: Instance, name: str) -> None:
    """Forget a message's body; what was not sent of it never will be.

    Raises:
        NotFound: there is no such message.
    """
    cursor = find(tx, instance, name)["cursor"]
    message_lists.cancel(tx, cursor)
    messages.expunge(tx, instance.app, cursor)
