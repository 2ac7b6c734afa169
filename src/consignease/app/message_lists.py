"""Lists of messages and attempts of an application."""

from collections.abc import Callable
from typing import Any

import msgspec

from consignease.app import endpoints, messages
from consignease.domain.delivery import State
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import attempt_id, attempt_of, cursor_of, message_id
from consignease.store import deliveries, views
from consignease.store import endpoints as endpoint_rows
from consignease.store import message_lists as store
from consignease.store.tx import Tx

_EVER = 2**62
_SKEW_MS = 60_000
"""By how much the clocks of processes on one database may differ."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of which messages or attempts.

    Attributes:
        limit: How many at most.
        iterator: The id of the last one of the page before; with a leading ``-``
            the page of newer ones before that id; None for the first page.
        before: Only what is older, in milliseconds.
        after: Only what is newer, in milliseconds; alone it asks for the oldest page.
        good: Attempts that succeeded, or that did not; None for both.
        states: Deliveries in one of these states; None for any.
        status_class: Hundreds of the answer's status; None for any.
        endpoint: Attempts at this endpoint only; its id or uid.
    """

    limit: int
    iterator: str | None = None
    before: int | None = None
    after: int | None = None
    types: list[str] | None = None
    channel: str | None = None
    tag: str | None = None
    good: bool | None = None
    states: tuple[State, ...] | None = None
    status_class: int | None = None
    endpoint: str | None = None

    @property
    def up(self) -> bool:
        """Whether the page is read from its oldest on."""
        if self.iterator is not None:
            return self.iterator.startswith("-")
        return self.after is not None and self.before is None

    @property
    def place(self) -> str | None:
        """The id that the page begins after."""
        return None if self.iterator is None else self.iterator.removeprefix("-")

    def values(self) -> dict[str, object]:
        """Return what statements take of it."""

        def listed(values: Any) -> str | None:
            return None if values is None else msgspec.json.encode(values).decode()

        return {
            "before": _EVER if self.before is None else self.before,
            "after": -1 if self.after is None else self.after,
            "types": listed(self.types),
            "channel": self.channel,
            "tag": self.tag,
            "good": None if self.good is None else int(self.good),
            "states": listed(self.states),
            "class": self.status_class,
            "limit": self.limit + 1,
            "walk": store.WALKED,
        }


class Found(msgspec.Struct, frozen=True):
    """A page.

    Attributes:
        rows: What is on it, newest first.
        done: Whether there is nothing beyond it, in the direction it was read.
        reached: The id of what it walked to, if it ended before it was full.
    """

    rows: list[Any]
    done: bool
    reached: str | None = None


def _page(look: Look, rows: list[Any], walked: Callable[[], str | None] = lambda: None) -> Found:
    """Make a page of rows of which one more was asked for than wanted."""
    more = len(rows) > look.limit
    reached = None if more else walked()
    shown = rows[: look.limit]
    return Found(shown[::-1] if look.up else shown, not more and reached is None, reached)


def every(tx: Tx, instance: Instance, look: Look) -> Found:
    """Return a page of an application's messages."""
    values = look.values() | _bounds(tx, instance, look)
    rows = store.messages(tx, values, up=look.up)
    if look.tag is not None:
        return _page(look, rows)
    return _page(look, rows, lambda: _walked(tx, instance, values, look))


def of_endpoint(tx: Tx, instance: Instance, endpoint: str, look: Look) -> Found:
    """Return a page of an endpoint's messages, each with its delivery's state.

    Raises:
        NotFound: there is no such endpoint.
    """
    values = look.values() | _bounds(tx, instance, look)
    values["endpoint"] = _endpoint(tx, instance, endpoint)["no"]
    rows = store.of_endpoint(tx, values, up=look.up)
    return _page(look, rows, lambda: _walked(tx, instance, values, look))


def attempts_of_endpoint(tx: Tx, instance: Instance, endpoint: str, look: Look) -> Found:
    """Return a page of an endpoint's attempts.

    Raises:
        NotFound: there is no such endpoint.
    """
    at, cursor, _, n = _place(tx, instance, look)
    values = look.values() | {"at": at, "cursor": cursor, "n": n}
    values["endpoint"] = _endpoint(tx, instance, endpoint)["no"]
    rows = [_named(instance, row) for row in store.attempts(tx, values, up=look.up)]

    def walked() -> str | None:
        row = store.attempts_walked(tx, values, up=look.up)
        return None if row is None else _attempt_name(instance, row)

    return _page(look, rows, walked)


def attempts_of_message(tx: Tx, instance: Instance, message: str, look: Look) -> Found:
    """Return a page of a message's attempts.

    Raises:
        NotFound: there is no such message.
    """
    found = messages.find(tx, instance, message)["cursor"]
    at, _, endpoint, n = _place(tx, instance, look)
    values = look.values() | {"message": found, "app": instance.app}
    values |= {"at": at, "endpoint": endpoint, "n": n, "only": None}
    if look.endpoint is not None:
        row = endpoint_rows.find(tx, instance.app, look.endpoint)
        values["only"] = -1 if row is None else row["no"]
    return _page(look, [_named(instance, row) for row in store.of_message(tx, values, up=look.up)])


def attempt(tx: Tx, instance: Instance, message: str, name: str) -> dict[str, Any]:
    """Return one attempt of a message.

    Raises:
        NotFound: there is no such message or attempt.
    """
    cursor = messages.find(tx, instance, message)["cursor"]
    key = attempt_of(instance.id, name)
    row = None if key is None else store.attempt(tx, instance.app, key)
    if row is None or row["cursor"] != cursor:
        raise NotFound(f"There is no attempt {name}.", code="not_found")
    return _named(instance, row)


def expunge_attempt(tx: Tx, instance: Instance, message: str, name: str) -> None:
    """Forget what an endpoint answered to an attempt.

    Raises:
        NotFound: there is no such message or attempt.
    """
    found = attempt(tx, instance, message, name)
    store.expunge(tx, found["cursor"], found["endpoint"], found["n"])


def destinations(tx: Tx, instance: Instance, message: str, look: Look) -> Found:
    """Return a page of where a message goes, each an endpoint with its delivery.

    Raises:
        NotFound: there is no such message.
    """
    found = messages.find(tx, instance, message)["cursor"]
    place = _EVER
    if look.place is not None:
        row = endpoint_rows.find(tx, instance.app, look.place)
        if row is None:
            raise _bad_iterator()
        place = row["no"]
    values = {"message": found, "endpoint": place, "limit": look.limit + 1}
    rows = store.destinations(tx, values, up=look.up)
    items: list[tuple[Endpoint, Any]] = [
        (endpoints.get(tx, instance, row["endpoint_id"]), row) for row in rows
    ]
    return _page(look, items)


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


def _bounds(tx: Tx, instance: Instance, look: Look) -> dict[str, object]:
    """Return the cursors between which a page of messages is."""
    below, above = _EVER, -1
    if look.before is not None:
        below = views.first_since(tx, look.before + _SKEW_MS)
    if look.after is not None:
        above = views.first_since(tx, look.after - _SKEW_MS) - 1
    if look.place is not None:
        cursor = cursor_of(instance.id, look.place)
        if cursor is None:
            raise _bad_iterator()
        below, above = (below, max(above, cursor)) if look.up else (min(below, cursor), above)
    return {"app": instance.app, "below": below, "above": above}


def _walked(tx: Tx, instance: Instance, values: dict[str, object], look: Look) -> str | None:
    row = store.walked(tx, values, up=look.up)
    return None if row is None else message_id(instance.id, row[0], row[1])


def _place(tx: Tx, instance: Instance, look: Look) -> tuple[int, int, int, int]:
    """Return time, cursor, endpoint and number of the attempt that a page begins after."""
    if look.place is None:
        end = -1 if look.up else _EVER
        return end, end, end, end
    key = attempt_of(instance.id, look.place)
    if key is None:
        raise _bad_iterator()
    row = store.attempt(tx, instance.app, key)
    if row is None:
        raise _bad_iterator()
    return row["at"], *key


def _bad_iterator() -> Invalid:
    msg = "iterator is the id of the last item of the page before."
    return Invalid(msg, param="iterator")


def _attempt_name(instance: Instance, row: Any) -> str:
    return attempt_id(instance.id, row["cursor"], row["endpoint"], row["n"], row["at"])


def _named(instance: Instance, row: Any) -> dict[str, Any]:
    found = dict(row)
    good = found["phase"] is None and 200 <= found["status"] <= 299
    return found | {"id": _attempt_name(instance, found), "good": good}
