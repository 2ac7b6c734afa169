"""Sending again: one message, a lane's release, and replays that walk the log."""

import asyncio

from starlette.responses import Response

from consignease.app import admins, redeliver
from consignease.app import endpoints as app
from consignease.dashboard.visit import Replay, Route, Visit
from consignease.domain.faults import Conflict, Fault, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import views

_HOURS = {"1h": 1, "24h": 24, "72h": 72, "720h": 720}
_tasks: set[asyncio.Task[None]] = set()


def _back(visit: Visit) -> str:
    """Return the page that the form stands on: a message's or the endpoint's own."""
    if visit.form("from") == "message":
        return f"{visit.base}/messages/{visit.form('message')}"
    return f"{visit.base}/endpoints/{visit.path['endpoint']}/advanced"


async def resend(visit: Visit) -> Response:
    """Send one message again."""
    endpoint, message = visit.path["endpoint"], visit.form("message")
    entry = visit.entry("message.resend", endpoint, message)
    await visit.store.write(
        admins.noted, entry, redeliver.resend, visit.instance, endpoint, message, visit.now
    )
    return visit.go(f"{visit.base}/messages/{message}", done="resent")


async def release(visit: Visit) -> Response:
    """Let a message go that waits in its lane."""
    endpoint, message = visit.path["endpoint"], visit.form("message")
    entry = visit.entry("message.release", endpoint, message)
    await visit.store.write(
        admins.noted, entry, redeliver.release, visit.instance, endpoint, message, visit.now
    )
    return visit.go(f"{visit.base}/messages/{message}", done="released")


async def replay(visit: Visit) -> Response:
    """Send all that failed, or was never addressed to the endpoint, since a message or a time."""
    kind = visit.form("kind")
    if kind not in {"failed", "missing"}:
        raise Invalid("Choose what to replay.")
    name = await visit.store.read(app.identify, visit.instance, visit.path["endpoint"])
    running = visit.deps.replays.get(name)
    if running is not None and not running.done:
        raise Conflict("A replay to this endpoint is running.", detail="Wait until it has ended.")
    first = await _first(visit)
    end = await visit.store.read(views.top) + 1
    entry = visit.entry("endpoint.replay", name, f"{kind} since cursor {first}")
    await visit.store.write(admins.note, entry)
    state = visit.deps.replays[name] = Replay(kind, first, first, max(first, end))
    task = asyncio.create_task(_walk(visit, visit.instance, name, state))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return visit.go(_back(visit), done="replaying")


async def _first(visit: Visit) -> int:
    if visit.form("message"):
        cursor = cursor_of(visit.instance.id, visit.form("message"))
        if cursor is None:
            raise NotFound("There is no such message.")
        return cursor
    hours = _HOURS.get(visit.form("since"))
    if hours is None:
        raise Invalid("Choose since when.")
    return await visit.store.read(views.first_since, visit.now - hours * 3_600_000)


async def _walk(visit: Visit, instance: Instance, name: str, state: Replay) -> None:
    """Walk the log part by part, one short unit of work each, so that nothing else waits."""
    try:
        while state.at < state.end and not visit.deps.stopping():
            end = min(state.at + redeliver.CHUNK, state.end)
            state.count += await visit.store.write(
                redeliver.replay_part, instance, name, state.kind, state.at, end, visit.now
            )
            state.at = end
        if state.at < state.end:
            state.error = "The server was stopped."
    except Fault as fault:
        state.error = fault.detail


_HERE = "/dashboard/{instance}/endpoints/{endpoint}"
ROUTES = (
    Route("POST", f"{_HERE}/resend", resend, "admin"),
    Route("POST", f"{_HERE}/release", release, "admin"),
    Route("POST", f"{_HERE}/replay", replay, "admin"),
)
