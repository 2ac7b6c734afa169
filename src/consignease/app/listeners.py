"""Virtual endpoints: a developer's machine that listens instead of an address."""

import msgspec

from consignease.app import endpoints as use
from consignease.domain.endpoints import Endpoint
from consignease.domain.instances import Instance
from consignease.store import endpoints, listeners
from consignease.store.tx import Tx

KEPT_MS = 24 * 3_600_000
"""How long a listener may be away before events are given up, in milliseconds."""

KEPT = 10_000
"""How many events are left to one that was away longer."""

PART = 500
"""Messages of the log that are brought back in one unit of work."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual endpoint, ready to be listened at.

    Attributes:
        no: Its number inside the database.
        endpoint: The endpoint.
        sealed: Its signing secret.
        dropped: How many events were given up because they waited too long.
        newest: The newest message's cursor.
    """

    no: int
    endpoint: Endpoint
    sealed: bytes
    dropped: int
    newest: int


def open_listener(
    tx: Tx, instance: Instance, wanted: Endpoint, sealed: bytes, now: int
) -> Listener:
    """Find a virtual endpoint by its uid, or add it, with the settings that are wanted.

    Args:
        tx: The transaction.
        instance: Whose.
        wanted: The endpoint as it is to be.
        sealed: A signing secret, if it is new.
        now: The present, in milliseconds.
    """
    assert wanted.uid is not None
    row = endpoints.find(tx, instance.app, wanted.uid)
    if row is None:
        found = use.create(tx, instance, wanted, sealed, now)
        row = endpoints.find(tx, instance.app, wanted.uid)
    else:
        changes = {
            "event_types": wanted.event_types,
            "ordering": wanted.ordering,
            "disabled": False,
        }
        found = use.change(tx, instance, wanted.uid, changes, now)
    no = row["no"]
    return Listener(
        no=no,
        endpoint=found,
        sealed=endpoints.secrets(tx, no, now)[0]["sealed"],
        dropped=_drop(tx, no, found.created_at, now),
        newest=listeners.newest(tx),
    )


def _drop(tx: Tx, no: int, created_at: int, now: int) -> int:
    """Give up what waited too long, but nothing that is being brought back."""
    away_since = listeners.last_try(tx, no) or created_at
    if away_since >= now - KEPT_MS:
        return 0
    return listeners.drop(tx, no, before=now - KEPT_MS, keep=KEPT, now=now)


def begin(tx: Tx, no: int, now: int) -> int:
    """Make everything due that waits for a next try; return how many events wait."""
    listeners.hurry(tx, no, now)
    return listeners.waiting(tx, no)


def since(tx: Tx, at: int) -> int:
    """Return the cursor after which everything from a time on comes."""
    return listeners.before(tx, at)


def bring_back(tx: Tx, instance: Instance, listener: Listener, after: int, now: int) -> int | None:
    """Deliver a part of the log once more, in its order.

    Returns:
        The cursor to go on after; None if that was all.
    """
    types = listener.endpoint.event_types
    lanes = listener.endpoint.ordering != "none"
    rows = listeners.part(tx, instance.app, listener.no, after, listener.newest, PART)
    for row in rows:
        finished = row["state"] is None or row["state"] > 2
        if finished and (types is None or row["type"] in types):
            listeners.bring_back(tx, row, listener.no, now, lanes=lanes)
    return rows[-1]["cursor"] if len(rows) == PART else None
