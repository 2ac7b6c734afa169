"""Publishing: an event becomes a message and its deliveries, in the caller's transaction."""

from consignease.app import fanout
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.domain.messages import envelope
from consignease.store import addressing, endpoints, messages
from consignease.store.tx import Tx


def publish(tx: Tx, instance: Instance, event: NewEvent, now: int) -> int:
    """Append an event to the log and address it to every matching endpoint.

    The body is serialised once, here; every try of every delivery sends these
    bytes. Deliveries for which this process has room are leased at once and
    handed to its worker when the transaction commits.

    Returns:
        The object's new version.

    Raises:
        TooLarge: the event's body would exceed what receivers accept.
    """
    number, version = messages.next_version(tx, instance.no, event.object_id)
    if event.subject is None:
        subject = None
    elif event.subject == event.object_id:
        subject = number
    else:
        subject = messages.number(tx, instance.no, event.subject)
    cursor = tx.next_cursor()
    body = envelope(event, instance_id=instance.id, cursor=cursor, version=version, at=now)
    messages.insert(
        tx,
        cursor=cursor,
        instance=instance.no,
        app=instance.app,
        type=event.type,
        subject=subject,
        version=version,
        at=now,
        body=body,
    )
    matching = endpoints.matching(tx, instance.app, event.type)
    if matching:
        fresh = addressing.Fresh(
            cursor=cursor,
            subject=subject,
            at=now,
            body=body,
            instance_id=instance.id,
            deletes=event.deletes,
        )
        addressing.insert(tx, fanout.addressed(tx, instance.app, fresh, matching))
    return version
