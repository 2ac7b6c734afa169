"""Background tasks: begun by a verb, walked in chunks, each committed with where it came.

A task is a row with a position. One unit of work takes the row, does the next
chunk and writes the new position, all in one transaction, so each chunk has its
effect exactly once, and whoever comes after a process that died goes on where
it was. Where several processes share a database, the row's lock says whose
turn it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.tasks import Part, Status, Task
from consignease.store import fanouts, tasks
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

Kinds: TypeAlias = Mapping[str, Callable[[Tx, Task, int], Part]]
"""What does a chunk of each kind of task: given the task and the time, in milliseconds."""

KEPT_MS = 90 * 24 * 3_600_000
"""How long a task that has ended can be looked at."""

_LAST_NO = 2**63 - 1


class Wanted(NamedTuple):
    """A task to be; see `Task` for its members."""

    kind: str
    first: int
    last: int
    endpoint: int | None = None
    args: Mapping[str, Any] = {}


def begin(tx: Tx, instance: Instance, wanted: Wanted, now: int) -> Task:
    """Begin a task."""
    empty = wanted.first >= wanted.last
    row = tasks.insert(
        tx,
        {
            "id": new_id("qtask"),
            "instance": instance.no,
            "kind": wanted.kind,
            "endpoint": wanted.endpoint,
            "args": msgspec.json.encode(wanted.args).decode(),
            "state": int(Status.FINISHED if empty else Status.RUNNING),
            "first": wanted.first,
            "last": max(wanted.first, wanted.last),
            "now": now,
        },
    )
    tx.on_commit(tx.hand.begun)
    return _read(row)


def get(tx: Tx, instance: Instance, name: str) -> Task:
    """Return a task.

    Raises:
        NotFound: there is none with that id.
    """
    row = tasks.find(tx, instance.no, name)
    if row is None:
        raise NotFound(f"There is no task {name}.", code="not_found")
    return _read(row)


def newest(tx: Tx, endpoint: int) -> Task | None:
    """Return the newest task of an endpoint."""
    row = tasks.newest(tx, endpoint)
    return None if row is None else _read(row)


def page(
    tx: Tx,
    instance: Instance,
    status: Status | None,
    kind: str | None,
    after: str | None,
    limit: int,
    *ascending: bool,
) -> list[Task]:
    """Return one page of tasks, newest first unless `ascending`.

    Args:
        tx: The transaction.
        instance: Whose tasks.
        status: Only those that do so; None for all.
        kind: Only those of a kind; None for all.
        after: The last id of the page before.
        limit: How many at most.
        *ascending: One flag: oldest first.
    """
    up = bool(ascending and ascending[0])
    values: dict[str, object] = {
        "instance": instance.no,
        "state": None if status is None else int(status),
        "kind": kind,
        "after": _position(tx, instance, after) if after else (0 if up else _LAST_NO),
        "limit": limit,
    }
    return [_read(row) for row in tasks.page(tx, values, ascending=up)]


def _position(tx: Tx, instance: Instance, name: str) -> int:
    row = tasks.find(tx, instance.no, name)
    return 0 if row is None else row["no"]


def waiting(tx: Tx) -> tuple[list[int], list[int]]:
    """Return what there is to do: messages to be expanded, by cursor, and running tasks."""
    return fanouts.heads(tx), tasks.running(tx)


def step(tx: Tx, no: int, kinds: Kinds, now: int) -> bool:
    """Do the next chunk of a task.

    Returns:
        Whether anything was done: False if the task has to wait, has ended, or
        another process has it.

    Raises:
        Fault: the task cannot go on; `fail` writes that down.
    """
    row = tasks.lock(tx, no)
    if row is None:
        return False
    task = _read(row)
    part = kinds[task.kind](tx, task, now)
    if part.position == task.position:
        return False
    result = None if part.result is None else msgspec.json.encode(part.result).decode()
    ended = part.position >= task.last
    tasks.advance(
        tx,
        {
            "no": no,
            "position": min(part.position, task.last),
            "count": part.count,
            "state": int(Status.FINISHED if ended else Status.RUNNING),
            "result": result,
            "now": now,
        },
    )
    return True


def fail(tx: Tx, no: int, error: str, now: int) -> None:
    """End a task that cannot go on, and say why."""
    tasks.fail(tx, no, error, now)


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some tasks that ended long ago; returns how many."""
    return tasks.drop(tx, now - KEPT_MS)


def _read(row: Any) -> Task:
    return Task(
        no=row["no"],
        id=row["id"],
        kind=row["kind"],
        instance=row["instance"],
        endpoint=row["endpoint"],
        args=msgspec.json.decode(row["args"]),
        status=Status(row["state"]),
        first=row["first"],
        position=row["position"],
        last=row["last"],
        count=row["count"],
        result=None if row["result"] is None else msgspec.json.decode(row["result"]),
        error=row["error"] or "",
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
