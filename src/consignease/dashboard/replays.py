"""Sending again: one message, a lane's release, and replays that walk the log."""

from starlette.responses import Response

from consignease.app import admins, redeliver, tasks
from consignease.app import endpoints as app
from consignease.app import replays as app_replays
from consignease.dashboard.visit import Route, Visit
from consignease.domain.access import Need
from consignease.domain.faults import Conflict, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import cursor_of
from consignease.store import views
from consignease.store.tx import Tx

_HOURS = {"1h": 1, "24h": 24, "72h": 72, "720h": 720}
_KINDS = {"failed": app_replays.RECOVER, "missing": app_replays.MISSING}


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
    kind = _KINDS.get(visit.form("kind"))
    if kind is None:
        raise Invalid("Choose what to replay.")
    name = await visit.store.read(app.identify, visit.instance, visit.path["endpoint"])
    first = await _first(visit)
    entry = visit.entry("endpoint.replay", name, f"{visit.form('kind')} since cursor {first}")
    await visit.store.write(
        admins.noted, entry, _begin, visit.instance, name, kind, first, visit.now
    )
    return visit.go(_back(visit), done="replaying")


def _begin(tx: Tx, instance: Instance, name: str, kind: str, first: int, now: int) -> None:
    task = tasks.newest(tx, app.number(tx, instance, name))
    if task is not None and not task.done:
        raise Conflict("A replay to this endpoint is running.", detail="Wait until it has ended.")
    app_replays.from_cursor(tx, instance, name, kind, first, now)


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


_HERE = "/dashboard/{instance}/endpoints/{endpoint}"
ROUTES = (
    Route("POST", f"{_HERE}/resend", resend, "admin", Need.ATTEMPTS),
    Route("POST", f"{_HERE}/release", release, "admin", Need.ATTEMPTS),
    Route("POST", f"{_HERE}/replay", replay, "admin", Need.ATTEMPTS),
)
