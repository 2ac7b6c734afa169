"""Sending one message again, letting one go that waits, and sending an example."""

from typing import Any

from consignease.domain.events import NewEvent
from consignease.domain.faults import Conflict, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of, envelope, message_id
from consignease.store import endpoints, messages, redeliveries
from consignease.store.tx import Tx


def _endpoint(tx: Tx, instance: Instance, name: str) -> Any:
    row = endpoints.find(tx, instance.app, name)
    if row is None:
        raise NotFound(f"There is no endpoint {name}.", code="not_found")
    return row


def _message(tx: Tx, instance: Instance, name: str) -> Any:
    cursor = cursor_of(instance.id, name)
    row = None if cursor is None else messages.get(tx, instance.app, cursor)
    if row is None:
        raise NotFound(f"There is no message {name}.", code="not_found")
    return row


def resend(tx: Tx, instance: Instance, endpoint: str, message: str, now: int) -> None:
    """Send a message to an endpoint once more, whatever became of it before.

    Raises:
        NotFound: there is no such endpoint or message.
        Invalid: the message's body has expired.
        Conflict: it is being sent right now.
    """
    no = _endpoint(tx, instance, endpoint)["no"]
    row = _message(tx, instance, message)
    if row["body"] is None:
        raise Invalid("The body of this message has expired.", code="missing_payload")
    state = redeliveries.state(tx, row["cursor"], no)
    if state is None:
        redeliveries.add(tx, row["cursor"], no, row["subject"], now)
    elif state == 2:
        raise Conflict("It is being sent right now.", code="conflict")
    else:
        redeliveries.again(tx, row["cursor"], no, now)


def release(tx: Tx, instance: Instance, endpoint: str, message: str, now: int) -> None:
    """Let a message go that waits behind another one of its lane.

    Raises:
        NotFound: there is no such endpoint or message.
        Conflict: it does not wait.
    """
    no = _endpoint(tx, instance, endpoint)["no"]
    cursor = _message(tx, instance, message)["cursor"]
    if not redeliveries.release(tx, cursor, no, now):
        raise Conflict("It does not wait any more.", code="conflict")


def send_example(
    tx: Tx, instance: Instance, endpoint: str, event_type: str, data: bytes, now: int
) -> str:
    """Append an example to the log and address it to one endpoint only.

    Args:
        tx: The transaction.
        instance: Whose endpoint.
        endpoint: Its id.
        event_type: What the example is of; the endpoint need not be subscribed to it.
        data: The payload, in its stable form.
        now: Milliseconds.

    Returns:
        The message's id.

    Raises:
        NotFound: there is no such endpoint.
        TooLarge: receivers could not be expected to accept it.
    """
    event = NewEvent(type=event_type, object_id="", subject=None, data=data)
    return _send(tx, instance, endpoint, event, (None, 0), now)


def send_body(
    tx: Tx, instance: Instance, endpoint: str, event_type: str, body: bytes, now: int
) -> str:
    """Append an example with a body of its own to the log, for one endpoint only.

    Returns:
        The message's id.

    Raises:
        NotFound: there is no such endpoint.
    """
    no = _endpoint(tx, instance, endpoint)["no"]
    return _append(tx, instance, no, tx.next_cursor(), (event_type, None, 0), body, now)


def resync(tx: Tx, instance: Instance, endpoint: str, user_id: str, data: bytes, now: int) -> str:
    """Send one endpoint the present state of a user, as a ``user.updated`` of its version.

    Returns:
        The message's id.

    Raises:
        NotFound: there is no such endpoint.
    """
    event = NewEvent(type="user.updated", object_id=user_id, subject=user_id, data=data)
    number = messages.number(tx, instance.no, user_id)
    return _send(tx, instance, endpoint, event, (number, redeliveries.version(tx, number)), now)


def _send(
    tx: Tx,
    instance: Instance,
    endpoint: str,
    event: NewEvent,
    about: tuple[int | None, int],
    now: int,
) -> str:
    no = _endpoint(tx, instance, endpoint)["no"]
    cursor, (subject, version) = tx.next_cursor(), about
    body = envelope(event, instance_id=instance.id, cursor=cursor, version=version, at=now)
    return _append(tx, instance, no, cursor, (event.type, subject, version), body, now)


def _append(
    tx: Tx,
    instance: Instance,
    endpoint: int,
    cursor: int,
    about: tuple[str, int | None, int],
    body: bytes,
    now: int,
) -> str:
    event_type, subject, version = about
    messages.insert(
        tx,
        cursor=cursor,
        instance=instance.no,
        app=instance.app,
        type=event_type,
        subject=subject,
        version=version,
        at=now,
        body=body,
    )
    redeliveries.add(tx, cursor, endpoint, subject, now, by_hand=False)
    return message_id(instance.id, cursor, now)
