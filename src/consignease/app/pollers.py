"""The verbs of pollers: make, change, delete; fetch, go on, and go elsewhere.

At least once: a consumer's place moves only when it asks with the iterator, or commits the
offset, that says it has dealt with what came before. An answer that is lost comes again.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease.app import retention
from consignease.app.feed import Feed
from consignease.domain.faults import Conflict, Gone, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.pollers import CONSUMERS_MAX, Place, Poller
from consignease.store import feed, pollers, views
from consignease.store.tx import Tx

SHOWN = 10
"""How many pollers are looked at together, and how many consumers of each."""
COUNTED = 1_000
"""Up to how many messages it is counted how far a consumer is behind."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the log.

    Attributes:
        after: Behind which cursor.
        limit: How many messages at most; fewer where their bodies are large.
        type: Only of this event type.
        channel: Only messages on it.
    """

    after: int
    limit: int
    type: str | None = None
    channel: str | None = None


class Consumer(msgspec.Struct, frozen=True):
    """How far a consumer is.

    Attributes:
        behind: How many messages it has yet to deal with.
        since: When the first of them came; None if there is none.
        moved_at: When it went on last.
        whole: Whether all were counted; else it is behind by more.
    """

    name: str
    behind: int
    since: int | None
    moved_at: int
    whole: bool


class Standing(msgspec.Struct, frozen=True):
    """A poller, and those of its consumers that have the most before them.

    Attributes:
        known: How many consumers it has in all.
    """

    poller: Poller
    consumers: list[Consumer]
    known: int


def _read(row: Any) -> Poller:
    def decoded(name: str) -> Any:
        return None if row[name] is None else msgspec.json.decode(row[name])

    return Poller(
        id=row["id"],
        uid=row["uid"],
        event_types=decoded("event_types"),
        channels=decoded("channels"),
        metadata=decoded("metadata"),
        disabled=row["disabled"] == 1,
        start=row["start"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _values(poller: Poller) -> dict[str, object]:
    def encoded(value: object) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    return {
        "id": poller.id,
        "uid": poller.uid,
        "event_types": encoded(poller.event_types),
        "channels": encoded(poller.channels),
        "metadata": encoded(poller.metadata),
        "disabled": int(poller.disabled),
        "start": poller.start,
        "created_at": poller.created_at,
        "updated_at": poller.updated_at,
    }


def _row(tx: Tx, instance: Instance, name: str) -> Any:
    row = pollers.find(tx, instance.app, name)
    if row is None:
        raise NotFound(f"There is no polling endpoint {name}.", code="not_found")
    return row


def _live(tx: Tx, instance: Instance, name: str) -> Any:
    row = _row(tx, instance, name)
    if row["disabled"]:
        msg = "The polling endpoint is disabled."
        raise Conflict(msg, code="disabled", detail=f"{msg} Enable it to read what it holds.")
    return row


def _refuse_taken(tx: Tx, instance: Instance, uid: str | None, no: int | None) -> None:
    other = None if uid is None else pollers.find(tx, instance.app, uid)
    if other is not None and other["no"] != no:
        msg = f"Another destination has the uid {uid}."
        raise Conflict(msg, code="conflict", param="uid")


def create(tx: Tx, instance: Instance, poller: Poller) -> Poller:
    """Add a poller; it has what is published from now on.

    Raises:
        Conflict: its uid is taken.
    """
    _refuse_taken(tx, instance, poller.uid, None)
    values = {**_values(poller), "app": instance.app, "start": views.top(tx)}
    return _read(pollers.insert(tx, values))


def get(tx: Tx, instance: Instance, name: str) -> Poller:
    """Return the poller with that id or uid.

    Raises:
        NotFound: there is none.
    """
    return _read(_row(tx, instance, name))


def page(
    tx: Tx, instance: Instance, iterator: str | None, limit: int, direction: str
) -> list[Poller]:
    """Return pollers in order of their ids, those after one, or before it with a leading ``-``."""
    ascending, back = direction == "ascending", iterator is not None and iterator.startswith("-")
    after = None if iterator is None else iterator.removeprefix("-")
    rows = pollers.page(tx, instance.app, after, limit, ascending=ascending is not back)
    found = [_read(row) for row in rows]
    return found[::-1] if back else found


def standings(tx: Tx, instance: Instance) -> tuple[list[Standing], bool]:
    """Return the application's newest pollers as they stand, and whether there are more."""
    rows = pollers.page(tx, instance.app, None, SHOWN + 1, ascending=False)
    return [_standing(tx, instance, row) for row in rows[:SHOWN]], len(rows) > SHOWN


def _standing(tx: Tx, instance: Instance, row: Any) -> Standing:
    own = {"app": instance.app, "types": row["event_types"], "channels": row["channels"]}
    shown: list[Consumer] = []
    for one in pollers.slowest(tx, row["no"], SHOWN):
        found = pollers.behind(tx, {**own, "after": one["cursor"], "walk": COUNTED})
        whole = found["walked"] < COUNTED
        shown.append(
            Consumer(one["name"], found["own"], found["since"], one["updated_at"], whole=whole)
        )
    return Standing(_read(row), shown, pollers.consumers(tx, row["no"]))


def change(tx: Tx, instance: Instance, name: str, changes: dict[str, Any], now: int) -> Poller:
    """Apply changes; those that change nothing leave it as it is.

    Raises:
        NotFound: there is none.
        Conflict: the new uid is taken.
    """
    row = _row(tx, instance, name)
    before = _read(row)
    after = msgspec.structs.replace(before, **changes)
    if after == before:
        return before
    _refuse_taken(tx, instance, after.uid, row["no"])
    after = msgspec.structs.replace(after, updated_at=now)
    return _read(pollers.update(tx, {**_values(after), "no": row["no"]}))


def delete(tx: Tx, instance: Instance, name: str) -> None:
    """Delete a poller, and what it knows of its consumers.

    Raises:
        NotFound: there is none.
    """
    pollers.delete(tx, _row(tx, instance, name)["no"])


def delete_all(tx: Tx, instance: Instance) -> None:
    """Delete every poller of an application that is deleted."""
    pollers.delete_all(tx, instance.app)


def wants(tx: Tx, instance: Instance, event_type: str, channels: Sequence[str]) -> bool:
    """Tell whether a message would be in any poller that is not disabled."""
    for row in pollers.of_app(tx, instance.app):
        types, own = row["event_types"], row["channels"]
        if types is not None and event_type not in msgspec.json.decode(types):
            continue
        if own is None or not set(channels).isdisjoint(msgspec.json.decode(own)):
            return True
    return False


# Fetching


def begin(tx: Tx, instance: Instance, name: str, since: int | None) -> Place:
    """Return where a reader begins who keeps its place: when it was made, or at a time.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
    """
    row = _live(tx, instance, name)
    return Place(_since(tx, since) if since is not None else _start(tx, row))


def _start(tx: Tx, row: Any) -> int:
    return max(row["start"], retention.kept_from(tx))


def _since(tx: Tx, at: int) -> int:
    return max(views.first_since(tx, at) - 1, retention.kept_from(tx))


def where(tx: Tx, instance: Instance, name: str, consumer: str) -> Place:
    """Return where a consumer is; a new one is at the beginning.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
    """
    row = _live(tx, instance, name)
    known = pollers.consumer(tx, row["no"], consumer)
    if known is None:
        return Place(_start(tx, row), 0)
    return Place(known["cursor"], known["generation"])


def go_on(tx: Tx, instance: Instance, name: str, consumer: str, to: Place, now: int) -> Place:
    """Remember that a consumer has dealt with everything up to a place.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled; or somebody else took the consumer further, or elsewhere.
        Invalid: it has too many consumers already.
    """
    row = _live(tx, instance, name)
    if not _move(tx, row["no"], consumer, to, now):
        msg = "This iterator is out of sequence: the consumer is somewhere else now."
        raise Conflict(
            msg, code="conflict", detail=f"{msg} Leave it out to go on from where it is."
        )
    return to


def commit(tx: Tx, instance: Instance, name: str, consumer: str, offset: int, now: int) -> None:
    """Remember that a consumer has dealt with everything up to an offset; never backwards.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
        Invalid: it has too many consumers already.
    """
    row = _live(tx, instance, name)
    known = pollers.consumer(tx, row["no"], consumer)
    generation = 0 if known is None else known["generation"]
    _move(tx, row["no"], consumer, Place(offset, generation), now)


def begin_at_the_end(tx: Tx, instance: Instance, name: str, consumer: str, now: int) -> Place:
    """Put a new consumer at the end of the log; one that is known stays where it is.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
        Invalid: it has too many consumers already.
    """
    row = _live(tx, instance, name)
    if pollers.consumer(tx, row["no"], consumer) is None:
        _move(tx, row["no"], consumer, Place(views.top(tx), 0), now)
    return where(tx, instance, name, consumer)


def _move(tx: Tx, poller: int, consumer: str, to: Place, now: int) -> bool:
    known = pollers.consumer(tx, poller, consumer)
    if known is None:
        if to.generation != 0:
            return False
        _refuse_many(tx, poller)
    elif (known["cursor"], known["generation"]) == (to.cursor, to.generation):
        return True  # asked again from where it is: nothing to write
    values = {
        "poller": poller,
        "name": consumer,
        "cursor": to.cursor,
        "generation": -1 if to.generation is None else to.generation,
        "now": now,
    }
    return pollers.move(tx, values) is not None


def _refuse_many(tx: Tx, poller: int) -> None:
    if pollers.consumers(tx, poller) >= CONSUMERS_MAX:
        msg = f"A polling endpoint has at most {CONSUMERS_MAX:,} consumers."
        raise Invalid(msg, code="limit_reached")


def seek(tx: Tx, instance: Instance, name: str, consumer: str, at: int, now: int) -> Place:
    """Put a consumer before the first message that is not older than a time.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
        Invalid: it has too many consumers already.
    """
    no = _live(tx, instance, name)["no"]
    if pollers.consumer(tx, no, consumer) is None:
        _refuse_many(tx, no)
    values = {"poller": no, "name": consumer, "cursor": _since(tx, at), "now": now}
    row = pollers.put(tx, values)
    return Place(row["cursor"], row["generation"])


def fetch(tx: Tx, instance: Instance, name: str, wanted: Wanted, horizon: int) -> Feed:
    """Return the messages that a poller has after a cursor, oldest first.

    Args:
        tx: The transaction, begun after the horizon was asked for.
        instance: Whose poller.
        name: Its id or uid.
        wanted: Which part.
        horizon: The cursor up to which the log is complete for good.

    Raises:
        NotFound: there is no such poller.
        Conflict: it is disabled.
        Gone: what comes after that cursor is not kept any more.
    """
    row = _live(tx, instance, name)
    if wanted.after < retention.kept_from(tx):
        msg = "What comes after that place is not kept any more."
        raise Gone(msg, code="events_expired", detail=f"{msg} Seek to a later time, or begin anew.")
    values = {
        "app": instance.app,
        "after": wanted.after,
        "horizon": horizon,
        "types": row["event_types"],
        "type": wanted.type,
        "channels": row["channels"],
        "channel": wanted.channel,
        "limit": wanted.limit,
    }
    head, (rows, full) = feed.head(tx, horizon), pollers.part(tx, values)
    reached = rows[-1]["cursor"] if full else feed.walked(tx, values)
    if reached is None:
        return Feed(rows, max(wanted.after, head), more=False, head=head)
    return Feed(rows, reached, more=reached < head, head=head)
