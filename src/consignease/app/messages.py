"""The verbs of an application's own messages."""

from collections.abc import Sequence
from typing import Any

from consignease.app import pollers
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import endpoints, message_lists, messages
from consignease.store.tx import Tx


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
    """Tell whether a message of a type would go anywhere that is not disabled."""
    if pollers.wants(tx, instance, event_type, channels):
        return True
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
