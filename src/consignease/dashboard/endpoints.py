"""Webhooks, Endpoints: the list, and adding one."""

from typing import Any

from starlette.responses import Response

from consignease.app import admins
from consignease.app import endpoints as app
from consignease.app.pollers import standings
from consignease.dashboard import endpoint_forms as forms
from consignease.dashboard import offered
from consignease.dashboard.charts import outcomes, spark
from consignease.dashboard.visit import Route, Visit
from consignease.domain.access import Need
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Fault
from consignease.domain.health import word
from consignease.domain.instances import Instance
from consignease.store import endpoints as store
from consignease.store import views
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from consignease.wire.signing import generate_secret

PAGE = 50
DAY_MS = 24 * 3_600_000
_RECENT = 300
_BARS = 24


def health(row: Any, good: int, now: int) -> tuple[str, str, str]:
    """Say how an endpoint does: name, tone, and what to know about it."""
    state = word(
        disabled=bool(row["disabled"]),
        paused=bool(row["paused"]),
        paused_until=row["paused_until"],
        first_failure_at=row["first_failure_at"],
        last_success_at=row["last_success_at"],
        now=now,
    )
    if state == "disabled":
        return "Disabled", "bad", row["disabled_reason"] or "Disabled by hand. Events wait for it."
    if state == "paused":
        return "Paused", "mute", "Paused here. Events wait for it."
    if state == "backing_off":
        return "Backing off", "wait", "It asked us to slow down."
    if state == "failing":
        return "Failing", "bad", "Its last attempts failed."
    if good or state == "healthy":
        return "Healthy", "ok", "Its last attempt was accepted."
    return "Ready", "info", "Nothing was sent to it yet."


def _summaries(tx: Tx, instance: Instance, after: str | None, now: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row in store.page(tx, instance.app, after, PAGE + 1, ascending=False):
        recent = views.recent(tx, row["no"], now - DAY_MS, _RECENT)
        good = outcomes(recent)
        waiting, _ = views.unsent(tx, row["no"])
        rows.append(
            {
                **dict(row),
                "recent": len(recent),
                "good": sum(good),
                "spark": spark(good, _BARS),
                "waiting": waiting,
                "health": health(row, sum(good), now),
            }
        )
    return rows


async def index(visit: Visit) -> Response:
    """List the endpoints."""
    after = visit.query("after") or None
    rows = await visit.store.read(_summaries, visit.instance, after, visit.now)
    more = rows[PAGE - 1]["id"] if len(rows) > PAGE else None
    polled, unshown = ([], False) if after else await visit.store.read(standings, visit.instance)
    return visit.page(
        "endpoints.html", rows=rows[:PAGE], more=more, after=after, polled=polled, unshown=unshown
    )


async def _blank(visit: Visit, **values: Any) -> dict[str, Any]:
    return {
        "form": visit.form,
        "groups": offered.groups(await offered.read(visit)),
        "ticked": set(visit.form.all("event_types")),
        **values,
    }


async def new(visit: Visit) -> Response:
    """Show the form for a new endpoint."""
    return visit.page("endpoint_new.html", **await _blank(visit))


async def verdict(visit: Visit) -> Response:
    """Say what the address guard thinks of a URL that is being typed."""
    url = visit.query("url").strip()
    ok, words = await forms.verdict(visit, url) if url else (True, "")
    return visit.page("verdict.html", ok=ok, words=words)


async def create(visit: Visit) -> Response:
    """Add an endpoint and open its settings page."""
    now = visit.now
    try:
        values = await forms.read(visit, frozenset(await offered.read(visit)), new=True)
        endpoint = Endpoint(id=new_id("ep", now / 1000), created_at=now, updated_at=now, **values)
        sealed = visit.deps.vault.seal(generate_secret().encode(), endpoint.id)
        entry = visit.entry("endpoint.create", endpoint.id, endpoint.url)
        await visit.store.write(
            admins.noted, entry, app.create, visit.instance, endpoint, sealed, now
        )
    except Fault as fault:
        shown = await _blank(visit, errors=forms.message_of(fault))
        return visit.page("endpoint_new.html", status=422, **shown)
    return visit.go(f"{visit.base}/endpoints/{endpoint.id}", done="created")


_HERE = "/dashboard/{instance}/endpoints"
ROUTES = (
    Route("GET", "/dashboard/{instance}", index, need=Need.READ),
    Route("GET", _HERE, index, need=Need.READ),
    Route("POST", _HERE, create, "admin", Need.ENDPOINTS),
    Route("GET", f"{_HERE}/new", new, "admin", Need.ENDPOINTS),
    Route("GET", f"{_HERE}/verdict", verdict, "admin", Need.ENDPOINTS),
)
