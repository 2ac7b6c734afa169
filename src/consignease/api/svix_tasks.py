"""Background tasks in the webhook API: recover, replay, statistics, and how they do."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import (
    idempotent,
    milliseconds,
    owned,
    page_of,
    replied,
    shown_time,
)
from consignease.app import replays, statistics, tasks
from consignease.app.idempotency import once
from consignease.app.replays import Filter
from consignease.domain import endpoints as rules
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance
from consignease.domain.outgoing import check_tags
from consignease.domain.tasks import Status, Task
from consignease.store.tx import Tx

RECOVER_MS = 14 * 24 * 3_600_000 + 5 * 60_000
"""How far back a recovery may begin: 14 days, and five minutes for clocks that differ."""

StatusWord = Literal["running", "finished", "failed"]
KindWord = Literal[
    "endpoint.replay",
    "endpoint.recover",
    "application.stats",
    "message.broadcast",
    "sdk.generate",
    "event-type.aggregate",
    "application.purge_content",
    "endpoint.bulk-replay",
]
_WORDS = {Status.RUNNING: "running", Status.FINISHED: "finished", Status.FAILED: "failed"}
_STATUSES = {word: status for status, word in _WORDS.items()}


class SinceIn(Struct, kw_only=True):
    """Which messages: those made since a time, and until another one."""

    since: datetime
    until: datetime | None = None


class BulkReplayIn(SinceIn, kw_only=True, rename="camel"):
    """Which messages: those that were sent to the endpoint and fit all that is said."""

    event_types: list[str] | None = None
    channel: str | None = None
    tag: str | None = None
    status: Annotated[int, Meta(ge=0, le=4)] | None = None
    status_code_class: Annotated[int, Meta(ge=0, le=500)] | None = None


class UsageIn(Struct, kw_only=True, rename="camel"):
    """Which time, and which applications: ids or uids; all if left out."""

    since: datetime
    until: datetime
    app_ids: list[str] | None = None


class Begun(Struct, kw_only=True, rename="camel"):
    """A task that was begun."""

    id: str
    status: str
    task: str
    updated_at: str


class UsageBegun(Begun, kw_only=True, rename="camel"):
    """A count that was begun."""

    unresolved_app_ids: list[str]


class Progress(Struct, kw_only=True):
    """How far a task is: numbers of the log, or of applications, of those it walks."""

    done: int
    total: int


class TaskOut(Begun, kw_only=True, rename="camel"):
    """A task; `progress`, `count` and `error` are additions of ours."""

    data: dict[str, Any]
    progress: Progress
    count: int
    error: str | None
    created_at: str


class TaskList(Struct, kw_only=True, rename="camel"):
    """A page of tasks."""

    data: list[TaskOut]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class TaskQuery(Struct, kw_only=True, frozen=True):
    """Which page of which tasks."""

    status: StatusWord | None = None
    task: KindWord | None = None
    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    order: Annotated[str, Meta(pattern="^(ascending|descending)$")] = "descending"


def _begun(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": _WORDS[task.status],
        "task": task.kind,
        "updated_at": shown_time(task.updated_at),
    }


def _shown(tx: Tx, task: Task) -> TaskOut:
    data: dict[str, Any] = {}
    if task.status is Status.FAILED:
        data = {"error": task.error}
    elif task.kind == statistics.USAGE:
        data = {"appStats": statistics.named(tx, task)} if task.done else {}
    elif task.kind == statistics.EVENT_TYPES:
        data = {"event_types": task.result or []} if task.done else {}
    else:
        data = {"messagesSent": task.count}
    return TaskOut(
        **_begun(task),
        data=data,
        progress=Progress(done=task.position - task.first, total=task.last - task.first),
        count=task.count,
        error=task.error or None,
        created_at=shown_time(task.created_at),
    )


def _span(body: SinceIn | UsageIn) -> tuple[int, int | None]:
    since, until = milliseconds(body.since), milliseconds(body.until)
    assert since is not None
    if until is not None and until <= since:
        raise Invalid("until is not later than since.", param="until")
    return since, until


async def _begin(call: Call[Any, Any], what: str, fn: Any, *args: Any) -> Reply:
    """Begin a task about the endpoint that the path names, once for an idempotency key."""
    instance, now, name = await owned(call), call.services.now(), call.path["endpoint_id"]

    def effect(tx: Tx) -> tuple[int, bytes]:
        task = fn(tx, instance, name, *args, now)
        return 202, msgspec.json.encode(Begun(**_begun(task)))

    key, request = idempotent(call, what, call.body)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


async def recover(call: Call[None, SinceIn]) -> Reply:
    """Send all that failed since a time."""
    since, until = _span(call.body)
    if since < call.services.now() - RECOVER_MS:
        raise Invalid("A recovery begins at most 14 days ago.", param="since")
    return await _begin(call, "recover", replays.recover, since, until)


async def replay_missing(call: Call[None, SinceIn]) -> Reply:
    """Send all that was never sent to the endpoint since a time."""
    return await _begin(call, "replay missing", replays.missing, *_span(call.body))


async def bulk_replay(call: Call[None, BulkReplayIn]) -> Reply:
    """Send all that was sent to the endpoint since a time and fits a filter."""
    body = call.body
    if body.tag is not None:
        check_tags([body.tag], "tag")
    if body.channel is not None:
        rules.check_name(body.channel, "channel")
    code = body.status_code_class
    wanted = Filter(
        types=body.event_types or None,
        channel=body.channel,
        tag=body.tag,
        status=body.status,
        status_class=None if code is None else code // 100,
    )
    return await _begin(call, "bulk replay", replays.bulk, *_span(body), wanted)


def _usage(
    instance: Instance, since: int, until: int, names: list[str] | None, now: int, tx: Tx
) -> tuple[int, bytes]:
    task, unknown = statistics.usage(tx, instance, since, until, names, now)
    return 202, msgspec.json.encode(UsageBegun(**_begun(task), unresolved_app_ids=unknown))


async def usage(call: Call[None, UsageIn]) -> Reply:
    """Count the messages sent of each application."""
    since, until = _span(call.body)
    assert until is not None
    instance, now, services = call.instance, call.services.now(), call.services
    effect = partial(_usage, instance, since, until, call.body.app_ids, now)
    key, request = idempotent(call, "usage", call.body)
    return replied(await services.store.write(once, instance.no, key, request, now, effect))


async def event_types(call: Call[None, None]) -> bytes:
    """List which event types each application subscribes to."""
    services = call.services
    task = await services.store.write(statistics.aggregate, call.instance, services.now())
    return msgspec.json.encode(Begun(**_begun(task)))


def _get(tx: Tx, instance: Instance, name: str) -> TaskOut:
    return _shown(tx, tasks.get(tx, instance, name))


def _page(tx: Tx, instance: Instance, query: TaskQuery) -> list[TaskOut]:
    status = None if query.status is None else _STATUSES[query.status]
    ascending = query.order == "ascending"
    found = tasks.page(tx, instance, status, query.task, query.iterator, query.limit + 1, ascending)
    return [_shown(tx, task) for task in found]


async def get(call: Call[None, None]) -> bytes:
    """Return a task."""
    return msgspec.json.encode(
        await call.services.store.read(_get, call.instance, call.path["task_id"])
    )


async def list_all(call: Call[TaskQuery, None]) -> bytes:
    """Return a page of tasks, newest first."""
    found = await call.services.store.read(_page, call.instance, call.query)
    return msgspec.json.encode(page_of(found, [one.id for one in found], call.query.limit))


_ONE = "/api/v1/app/{app_id}/endpoint/{endpoint_id}"
_begins = partial(Op, method="POST", returns=Begun, status=202, refuses=(404, 422))
_reads = partial(Op, method="GET", refuses=(404, 422), tag="Background tasks")

OPS: tuple[Op, ...] = (
    _begins(
        path=f"{_ONE}/recover",
        name="v1.endpoint.recover",
        needs=Need.ATTEMPTS,
        summary="Send all that failed since a time.",
        handler=recover,
        body=SinceIn,
        tag="Endpoints",
    ),
    _begins(
        path=f"{_ONE}/replay-missing",
        name="v1.endpoint.replay-missing",
        needs=Need.ATTEMPTS,
        summary="Send all that was never sent to the endpoint.",
        handler=replay_missing,
        body=SinceIn,
        tag="Endpoints",
    ),
    _begins(
        path=f"{_ONE}/bulk-replay",
        name="v1.endpoint.bulk-replay",
        needs=Need.ATTEMPTS,
        summary="Send all that was sent to the endpoint and fits a filter.",
        handler=bulk_replay,
        body=BulkReplayIn,
        tag="Endpoints",
    ),
    _begins(
        path="/api/v1/stats/usage/app",
        name="v1.statistics.aggregate-app-stats",
        summary="Count the messages sent of each application.",
        handler=usage,
        body=UsageIn,
        returns=UsageBegun,
        tag="Statistics",
    ),
    Op(
        method="PUT",
        path="/api/v1/stats/usage/event-types",
        name="v1.statistics.aggregate-event-types",
        summary="List which event types each application subscribes to.",
        handler=event_types,
        returns=Begun,
        status=202,
        tag="Statistics",
    ),
    _reads(
        path="/api/v1/background-task",
        name="v1.background-task.list",
        needs=Need.READ_ALL,
        summary="List background tasks.",
        handler=list_all,
        query=TaskQuery,
        returns=TaskList,
    ),
    _reads(
        path="/api/v1/background-task/{task_id}",
        name="v1.background-task.get",
        needs=Need.READ_ALL,
        summary="Return a background task.",
        handler=get,
        returns=TaskOut,
    ),
)
