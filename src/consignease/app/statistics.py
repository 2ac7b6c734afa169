"""Numbers: of an endpoint at once, of whole applications by background tasks."""

from typing import Any

import msgspec

from consignease.app import tasks
from consignease.app.tasks import Kinds, Wanted
from consignease.domain.delivery import State
from consignease.domain.faults import Invalid, NotFound, OutOfRange
from consignease.domain.instances import Instance
from consignease.domain.tasks import Part, Task
from consignease.store import applications, endpoints, statistics, views
from consignease.store.tx import Tx

USAGE, EVENT_TYPES = "application.stats", "event-type.aggregate"

WINDOW_MS = 28 * 24 * 3_600_000
"""The longest time that numbers of an endpoint are given for."""
HOUR_MS = 3_600_000
CURSORS, APPS = 200, 100
"""How much of the log, or how many applications, one unit counts."""


def window(since: int | None, until: int | None, now: int) -> tuple[int, int]:
    """Return the time that is asked for: the 28 days up to now, if nothing is said.

    Raises:
        OutOfRange: it is longer than 28 days, or ends before it begins.
    """
    end = now if until is None else until
    begin = end - WINDOW_MS if since is None else since
    if begin > end:
        raise OutOfRange("since is later than until.")
    if end - begin > WINDOW_MS:
        raise OutOfRange("since and until are at most 28 days apart.")
    return begin, end


def endpoint_states(
    tx: Tx, instance: Instance, endpoint: str, since: int, until: int
) -> dict[State, int]:
    """Return how many messages of a time are in which state at an endpoint.

    Raises:
        NotFound: there is no such endpoint.
    """
    no = _endpoint(tx, instance, endpoint)
    first, end = views.first_since(tx, since), views.first_since(tx, until + 1)
    found = statistics.states(tx, instance.app, no, first, end)
    return {State(state): count for state, count in found.items()}


def endpoint_attempts(
    tx: Tx, instance: Instance, endpoint: str, since: int, until: int
) -> tuple[int, int]:
    """Return how many attempts succeeded and failed in a time, which is widened to full hours.

    Raises:
        NotFound: there is no such endpoint.
    """
    no = _endpoint(tx, instance, endpoint)
    begin, end = since // HOUR_MS * HOUR_MS, -(-until // HOUR_MS) * HOUR_MS
    return statistics.attempts(tx, no, begin, end)


def _endpoint(tx: Tx, instance: Instance, name: str) -> int:
    row = endpoints.find(tx, instance.app, name)
    if row is None:
        raise NotFound(f"There is no endpoint {name}.", code="not_found")
    return row["no"]


# Tasks


def usage(
    tx: Tx, instance: Instance, since: int, until: int, names: list[str] | None, now: int
) -> tuple[Task, list[str]]:
    """Begin to count the deliveries of applications in a time.

    Args:
        tx: The transaction.
        instance: Whose applications.
        since: From when on, in milliseconds.
        until: Until when.
        names: Ids or uids of applications; None for all.
        now: Milliseconds.

    Returns:
        The task, and the names that name nothing.

    Raises:
        Invalid: none of the names names an application.
    """
    wanted: list[int] | None = None
    unknown: list[str] = []
    if names is not None:
        found = {name: _app(tx, instance, name) for name in names}
        wanted = sorted({no for no in found.values() if no is not None})
        unknown = [name for name, no in found.items() if no is None]
        if not wanted:
            raise Invalid("None of these applications exists.", param="appIds")
    cursors = (views.first_since(tx, since), views.first_since(tx, until))
    task = tasks.begin(tx, instance, Wanted(USAGE, *cursors, None, {"apps": wanted}), now)
    return task, unknown


def _app(tx: Tx, instance: Instance, name: str) -> int | None:
    if name in {instance.app_id, instance.id}:
        return instance.app
    row = applications.find(tx, instance.no, name)
    return None if row is None else row["no"]


def aggregate(tx: Tx, instance: Instance, now: int) -> Task:
    """Begin to list which event types each application's endpoints subscribe to."""
    end = statistics.last_app(tx, instance.no) + 1
    return tasks.begin(tx, instance, Wanted(EVENT_TYPES, 0, end), now)


def usage_part(tx: Tx, task: Task, now: int) -> Part:
    """Count the next part of the log; the result maps an application's number to its count."""
    del now
    end = min(task.position + CURSORS, task.last)
    counts: dict[str, int] = dict(task.result or {})
    wanted: list[int] | None = task.args["apps"]
    found = statistics.destinations(tx, task.instance, task.position, end)
    for app, count in found.items():
        if wanted is None or app in wanted:
            counts[str(app)] = counts.get(str(app), 0) + count
    return Part(end, sum(found.values()), counts)


def aggregate_part(tx: Tx, task: Task, now: int) -> Part:
    """Look at the next applications; the result is what clients read."""
    del now
    apps = statistics.apps(tx, task.instance, task.position, APPS)
    listed: list[dict[str, Any]] = list(task.result or [])
    for app in apps:
        filters = statistics.subscriptions(tx, app["no"])
        types = {name for one in filters if one for name in msgspec.json.decode(one)}
        listed.append(
            {
                "appId": app["id"],
                "explicitlySubscribedEventTypes": sorted(types),
                "hasCatchAllEndpoint": None in filters,
            }
        )
    position = apps[-1]["no"] + 1 if len(apps) == APPS else task.last
    return Part(position, len(apps), listed)


def named(tx: Tx, task: Task) -> list[dict[str, Any]]:
    """Return what a count of deliveries has come to, by application."""
    counts: dict[str, int] = task.result or {}
    wanted: list[int] | None = task.args["apps"]
    return [
        {
            "appId": app["id"],
            "appUid": app["uid"],
            "messageDestinations": counts.get(str(app["no"]), 0),
        }
        for app in statistics.apps(tx, task.instance, 0, _EVERY)
        if wanted is None or app["no"] in wanted
    ]


_EVERY = 100_000

KINDS: Kinds = {USAGE: usage_part, EVENT_TYPES: aggregate_part}
