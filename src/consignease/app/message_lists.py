"""Lists of messages and attempts of an application."""

from typing import Any

import msgspec

from consignease.app import endpoints, messages
from consignease.domain.delivery import State
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import attempt_id, attempt_of, cursor_of
from consignease.store import deliveries
from consignease.store import endpoints as endpoint_rows
from consignease.store import message_lists as store
from consignease.store.tx import Tx

_EVER = 2**62


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of which messages or attempts.

    Attributes:
        limit: How many at most.
        iterator: The id of the last one of the page before; None for the first page.
        before: Only what is older, in milliseconds.
        after: Only what is newer, in milliseconds.
        good: Attempts that succeeded, or that did not; None for both.
        status_class: Hundreds of the answer's status; None for any.
    """

    limit: int
    iterator: str | None = None
    before: int | None = None
    after: int | None = None
    types: list[str] | None = None
    channel: str | None = None
    good: bool | None = None
    status_class: int | None = None

    def values(self) -> dict[str, object]:
        """Return what statements take of it."""
        types = None if self.types is None else msgspec.json.encode(self.types).decode()
        return {
            "before": _EVER if self.before is None else self.before,
            "after": -1 if self.after is None else self.after,
            "types": types,
            "channel": self.channel,
            "limit": self.limit + 1,
        }


def every(tx: Tx, instance: Instance, look: Look) -> list[Any]:
    """Return an application's messages, newest first; one more than asked for, if there is."""
    values = look.values() | {"app": instance.app, "below": _below(instance, look)}
    return store.messages(tx, values)


def attempts_of_endpoint(
    tx: Tx, instance: Instance, endpoint: str, look: Look
) -> list[dict[str, Any]]:
    """Return an endpoint's attempts, newest first; one more than asked for, if there is.

    Raises:
        NotFound: there is no such endpoint.
    """
    no = _endpoint(tx, instance, endpoint)["no"]
    at, cursor, n = _EVER, _EVER, _EVER
    if look.iterator is not None:
        cursor, other, n = _attempt(instance, look.iterator)
        found = store.of_message(tx, instance.app, cursor)
        at = next((one["at"] for one in found if (one["endpoint"], one["n"]) == (other, n)), 0)
    good = None if look.good is None else int(look.good)
    values = look.values() | {"endpoint": no, "at": at, "cursor": cursor, "n": n}
    values |= {"good": good, "class": look.status_class}
    return [_named(instance, row) for row in store.attempts(tx, values)]


def attempts_of_message(
    tx: Tx, instance: Instance, message: str, look: Look
) -> list[dict[str, Any]]:
    """Return a message's attempts, newest first; one more than asked for, if there is.

    Raises:
        NotFound: there is no such message.
    """
    cursor = messages.find(tx, instance, message)["cursor"]
    rows = [_named(instance, row) for row in store.of_message(tx, instance.app, cursor)]
    if look.iterator is not None:
        places = [place for place, row in enumerate(rows) if row["id"] == look.iterator]
        rows = rows[places[0] + 1 :] if places else []
    return [row for row in rows if _wanted(row, look)][: look.limit + 1]


def attempt(tx: Tx, instance: Instance, message: str, name: str) -> dict[str, Any]:
    """Return one attempt of a message.

    Raises:
        NotFound: there is no such message or attempt.
    """
    cursor = messages.find(tx, instance, message)["cursor"]
    for row in store.of_message(tx, instance.app, cursor):
        found = _named(instance, row)
        if found["id"] == name:
            return found
    raise NotFound(f"There is no attempt {name}.", code="not_found")


def expunge_attempt(tx: Tx, instance: Instance, message: str, name: str) -> None:
    """Forget what an endpoint answered to an attempt.

    Raises:
        NotFound: there is no such message or attempt.
    """
    found = attempt(tx, instance, message, name)
    store.expunge(tx, found["cursor"], found["endpoint"], found["n"])


def destinations(tx: Tx, instance: Instance, message: str) -> list[tuple[Endpoint, Any]]:
    """Return where a message goes, each endpoint with its delivery.

    Raises:
        NotFound: there is no such message.
    """
    cursor = messages.find(tx, instance, message)["cursor"]
    rows = store.destinations(tx, cursor)
    return [(endpoints.get(tx, instance, row["endpoint_id"]), row) for row in rows]


def of_endpoint(tx: Tx, instance: Instance, endpoint: str, look: Look) -> list[Any]:
    """Return an endpoint's messages, newest first; one more than asked for, if there is.

    Raises:
        NotFound: there is no such endpoint.
    """
    no = _endpoint(tx, instance, endpoint)["no"]
    values = look.values() | {"endpoint": no, "below": _below(instance, look)}
    return store.of_endpoint(tx, values)


def counts(tx: Tx, instance: Instance, endpoint: str) -> dict[State, int]:
    """Return how many deliveries of an endpoint are in which state.

    Raises:
        NotFound: there is no such endpoint.
    """
    return deliveries.counts(tx, _endpoint(tx, instance, endpoint)["no"])


def _endpoint(tx: Tx, instance: Instance, name: str) -> Any:
    row = endpoint_rows.find(tx, instance.app, name)
    if row is None:
        raise NotFound(f"There is no endpoint {name}.", code="not_found")
    return row


def _below(instance: Instance, look: Look) -> int:
    if look.iterator is None:
        return _EVER
    cursor = cursor_of(instance.id, look.iterator)
    if cursor is None:
        raise _bad_iterator()
    return cursor


def _attempt(instance: Instance, name: str) -> tuple[int, int, int]:
    found = attempt_of(instance.id, name)
    if found is None:
        raise _bad_iterator()
    return found


def _bad_iterator() -> Invalid:
    msg = "iterator is the id of the last item of the page before."
    return Invalid(msg, param="iterator")


def _named(instance: Instance, row: Any) -> dict[str, Any]:
    found = dict(row)
    key = (found["cursor"], found["endpoint"], found["n"], found["at"])
    good = found["phase"] is None and 200 <= found["status"] <= 299
    return found | {"id": attempt_id(instance.id, *key), "good": good}


def _wanted(row: dict[str, Any], look: Look) -> bool:
    return (
        (look.good is None or look.good == row["good"])
        and (look.status_class is None or look.status_class == row["status"] // 100)
        and (look.before is None or row["at"] < look.before)
        and (look.after is None or row["at"] > look.after)
        and (look.types is None or row["type"] in look.types)
    )
