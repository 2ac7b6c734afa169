"""Sending much again: what failed, what was never sent, or all that fits a filter.

Each is a background task over the log, from a cursor to one that is fixed when
it begins: what is published meanwhile is none of its business. It goes in the
order of the cursors and hands on only what the endpoint is ready for, so a
fresh event waits for the few that were handed on before it, never for the
whole replay. What is sent again is outside its lane: nothing waits for it.
"""

from typing import Any

import msgspec

from consignease.app import tasks
from consignease.app.tasks import Kinds, Wanted
from consignease.domain.delivery import State
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.tasks import Part, Task
from consignease.store import endpoints, redeliveries, views
from consignease.store.tx import Tx

RECOVER, MISSING, BULK = "endpoint.recover", "endpoint.replay", "endpoint.bulk-replay"

CHUNK = 2_000
"""How many cursors one unit looks at."""
WINDOW, LEAST = 256, 8
"""How many deliveries of an endpoint may wait for it before a replay hands on more.

A quarter of a second's worth, as the endpoint took them of late, but no more
than the first and no less than the second number: a fresh event waits for them.
"""
UNPACED = 500
"""How many one unit hands on for an endpoint that takes nothing now: they wait for it."""

_FAILED = (State.FAILED, State.CANCELED)
_STATES = {
    None: (State.SUCCEEDED, State.FAILED, State.CANCELED),
    0: (State.SUCCEEDED,),
    1: (State.PENDING,),
    2: (State.FAILED,),
    4: (State.CANCELED,),
}
_NONE = -1


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages of an endpoint to send again.

    Attributes:
        types: Event types; None for all.
        channel: Only messages on it.
        tag: Only messages that have it.
        status: Number of a state as the webhook API counts them: 0 success, 1
            pending, 2 fail, 3 sending, 4 canceled; None for all that are done.
        status_class: Hundreds of the newest answer's status; None for any.
    """

    types: list[str] | None = None
    channel: str | None = None
    tag: str | None = None
    status: int | None = None
    status_class: int | None = None


def recover(
    tx: Tx, instance: Instance, endpoint: str, since: int, until: int | None, now: int
) -> Task:
    """Begin to send all that failed, or was canceled, since a time.

    Args:
        tx: The transaction.
        instance: Whose endpoint.
        endpoint: Its id or uid.
        since: From when on, in milliseconds.
        until: Until when; None for now.
        now: Milliseconds.

    Raises:
        NotFound: there is no such endpoint.
    """
    return _begin(tx, instance, endpoint, RECOVER, _cursors(tx, since, until), now)


def missing(
    tx: Tx, instance: Instance, endpoint: str, since: int, until: int | None, now: int
) -> Task:
    """Begin to send all that was never addressed to an endpoint and that it subscribes to.

    Raises:
        NotFound: there is no such endpoint.
    """
    return _begin(tx, instance, endpoint, MISSING, _cursors(tx, since, until), now)


def bulk(
    tx: Tx,
    instance: Instance,
    endpoint: str,
    since: int,
    until: int | None,
    wanted: Filter,
    now: int,
) -> Task:
    """Begin to send all that was sent and fits a filter.

    Raises:
        NotFound: there is no such endpoint.
    """
    args = msgspec.to_builtins(wanted)
    return _begin(tx, instance, endpoint, BULK, _cursors(tx, since, until), now, args)


def from_cursor(tx: Tx, instance: Instance, endpoint: str, kind: str, first: int, now: int) -> Task:
    """Begin to recover, or to send what is missing, from a cursor on.

    Raises:
        NotFound: there is no such endpoint.
    """
    return _begin(tx, instance, endpoint, kind, (first, views.top(tx) + 1), now)


def _cursors(tx: Tx, since: int, until: int | None) -> tuple[int, int]:
    end = views.top(tx) + 1 if until is None else views.first_since(tx, until)
    return views.first_since(tx, since), end


def _begin(
    tx: Tx,
    instance: Instance,
    endpoint: str,
    kind: str,
    cursors: tuple[int, int],
    now: int,
    args: Any = None,
) -> Task:
    row = endpoints.find(tx, instance.app, endpoint)
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint}.", code="not_found")
    return tasks.begin(tx, instance, Wanted(kind, *cursors, row["no"], args or {}), now)


# A chunk of each kind


def recover_part(tx: Tx, task: Task, now: int) -> Part:
    """Send again what failed or was canceled in the next part of the log."""
    return _again(tx, task, Filter(), _FAILED, now)


def bulk_part(tx: Tx, task: Task, now: int) -> Part:
    """Send again what fits the filter in the next part of the log."""
    wanted = msgspec.convert(task.args, Filter)
    return _again(tx, task, wanted, _STATES.get(wanted.status, ()), now)


def _again(tx: Tx, task: Task, wanted: Filter, states: tuple[State, ...], now: int) -> Part:
    row = _endpoint(tx, task)
    room = _room(tx, row, now)
    if room <= 0:
        return Part(task.position)
    end = min(task.position + CHUNK, task.last)
    types = None if wanted.types is None else msgspec.json.encode(wanted.types).decode()
    state, or_state, or_else = (*map(int, states), _NONE, _NONE, _NONE)[:3]
    values: dict[str, object] = {
        "app": row["app"],
        "endpoint": row["no"],
        "first": task.position,
        "end": end,
        "state": state,
        "or_state": or_state,
        "or_else": or_else,
        "types": types,
        "channel": wanted.channel,
        "tag": wanted.tag,
        "class": wanted.status_class,
        "limit": room,
    }
    cursors = redeliveries.sent(tx, values)
    redeliveries.again_all(tx, cursors, row["no"], now)
    return Part(cursors[-1] + 1 if len(cursors) == room else end, len(cursors))


def missing_part(tx: Tx, task: Task, now: int) -> Part:
    """Send what was never addressed to the endpoint in the next part of the log."""
    row = _endpoint(tx, task)
    room = _room(tx, row, now)
    if room <= 0:
        return Part(task.position)
    end = min(task.position + CHUNK, task.last)
    found = redeliveries.missing(tx, row["app"], row["no"], task.position, end)
    fits = [one for one in found if _subscribes(row, one)]
    redeliveries.add_all(tx, fits[:room], row["no"], now)
    if len(fits) > room:
        return Part(fits[room]["cursor"], room)
    return Part(end, len(fits))


def _subscribes(row: Any, message: Any) -> bool:
    channels = msgspec.json.decode(message["channels"] or "[]")
    return bool(endpoints.chosen([row], message["type"], channels))


def _endpoint(tx: Tx, task: Task) -> Any:
    row = None if task.endpoint is None else endpoints.by_number(tx, task.endpoint)
    if row is None or row["deleted_at"] is not None:
        raise NotFound("The endpoint was deleted.", code="not_found")
    return row


def _room(tx: Tx, row: Any, now: int) -> int:
    if row["disabled"]:
        return UNPACED
    lately = redeliveries.tried(tx, row["no"], now - 1_000, 4 * WINDOW)
    window = min(WINDOW, max(LEAST, lately // 4))
    return window - redeliveries.due(tx, row["no"], now, window)


KINDS: Kinds = {RECOVER: recover_part, MISSING: missing_part, BULK: bulk_part}
