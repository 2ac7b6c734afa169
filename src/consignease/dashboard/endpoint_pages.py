"""An endpoint's settings page: Overview, Signing Secret, Testing, Message Attempts, Advanced."""

from typing import Any

import msgspec
from starlette.responses import Response

from consignease.app import admins, redeliver, tasks
from consignease.app import endpoints as app
from consignease.dashboard import endpoint_forms as forms
from consignease.dashboard import handlers, offered
from consignease.dashboard.charts import outcomes, percentile, spark
from consignease.dashboard.endpoint_signatures import public_keys
from consignease.dashboard.endpoints import DAY_MS, health
from consignease.dashboard.visit import Route, Visit, whole
from consignease.domain.access import Need
from consignease.domain.faults import Fault, Invalid, NotFound
from consignease.domain.messages import cursor_of, message_id
from consignease.store import endpoints as store
from consignease.store import views
from consignease.store.tx import Tx
from consignease.wire.ed25519 import generate_pair, readable
from consignease.wire.signing import generate_secret

PAGE = 50
GRACE_MS = 24 * 3_600_000
"""How long a replaced secret still signs beside the new one."""
_RECENT = 1_000


def _read(tx: Tx, app_no: int, name: str, now: int) -> dict[str, Any]:
    row = store.find(tx, app_no, name)
    if row is None:
        raise NotFound("There is no such endpoint.", detail="It may have been deleted.")
    recent = views.recent(tx, row["no"], now - DAY_MS, _RECENT)
    good = outcomes(recent)
    times = sorted(one["total_us"] for one in recent)
    waiting, oldest = views.unsent(tx, row["no"])
    live = store.secrets(tx, row["no"], now)
    return {
        **dict(row),
        "health": health(row, sum(good), now),
        "recent": len(recent),
        "good": sum(good),
        "spark": spark(good, 48),
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "waiting": waiting,
        "oldest": oldest,
        "secrets": sum(not one["beside"] for one in live),
        "keys": [one["sealed"] for one in live],
        "old_until": max(
            (one["expires_at"] for one in live if one["expires_at"] and not one["beside"]),
            default=None,
        ),
    }


async def page(visit: Visit, tab: str, status: int = 200, **values: Any) -> Response:
    """Show one page of the endpoint, named by its tab."""
    name = visit.path["endpoint"]
    row = await visit.store.read(_read, visit.instance.app, name, visit.now)
    types: list[str] | None = None
    if row["event_types"] is not None:
        types = msgspec.json.decode(row["event_types"], type=list[str])
    shown: dict[str, Any] = {
        "endpoint": row,
        "types": types,
        "tab": tab,
        "there": f"{visit.base}/endpoints/{row['id']}",
        "form": visit.form,
        "groups": offered.groups(await offered.read(visit, types or ())),
        "ticked": set(visit.form.all("event_types")) if status == 422 else set(types or ()),
        "revealed": "",
        "backlog_text": forms.backlog_text(row["max_backlog_bytes"]),
        "schedule_text": visit.form("retry_schedule") or forms.schedule_text(row["retry_schedule"]),
        "credentials": {
            "caCertificate": None,
            "clientCertificate": None,
            "basicAuth": None,
            **msgspec.json.decode(row["credentials"] or "{}", type=dict[str, Any]),
        },
        "headers_text": visit.form("headers") or forms.headers_text(json_headers(row["headers"])),
        "replay": await visit.store.read(tasks.newest, row["no"]),
        **(public_keys(visit, row["id"], row["keys"]) if tab == "advanced" else {}),
    }
    return visit.page(f"endpoint_{tab}.html", status=status, **{**shown, **values})


def json_headers(text: str) -> dict[str, str]:
    """Read headers from their row."""
    return msgspec.json.decode(text, type=dict[str, str])


# Overview


async def overview(visit: Visit) -> Response:
    """Show how the endpoint does, and its settings."""
    return await page(visit, "overview")


async def change(visit: Visit) -> Response:
    """Change what the form has fields of."""
    tab = "advanced" if "headers" in visit.form else "overview"
    now, name = visit.now, visit.path["endpoint"]
    try:
        found = await visit.store.read(app.get, visit.instance, name)
        types = frozenset(await offered.read(visit, found.event_types or ()))
        values = await forms.read(visit, types, before=found.headers)
        entry = visit.entry("endpoint.change", name, ", ".join(sorted(values)))
        await visit.store.write(admins.noted, entry, app.change, visit.instance, name, values, now)
    except Invalid as fault:
        return await page(visit, tab, 422, errors=forms.message_of(fault))
    end = "/advanced" if tab == "advanced" else ""
    return visit.go(f"{visit.base}/endpoints/{name}{end}", done="saved")


async def pause(visit: Visit) -> Response:
    """Pause or resume the endpoint."""
    name, paused = visit.path["endpoint"], visit.form("paused") == "1"
    entry = visit.entry("endpoint.pause" if paused else "endpoint.resume", name)
    await visit.store.write(
        admins.noted, entry, app.change, visit.instance, name, {"paused": paused}, visit.now
    )
    done = "paused" if paused else "resumed"
    return visit.go(f"{visit.base}/endpoints/{name}", done=done)


async def enable(visit: Visit) -> Response:
    """Enable the endpoint; what waits for it is delivered or canceled, as was chosen."""
    name, skips = visit.path["endpoint"], visit.form("backlog") == "skip"
    if skips:
        while await visit.store.write(app.skip, visit.instance, name):
            pass
    entry = visit.entry("endpoint.enable", name, "backlog canceled" if skips else "")
    await visit.store.write(
        admins.noted, entry, app.change, visit.instance, name, {"disabled": False}, visit.now
    )
    return visit.go(f"{visit.base}/endpoints/{name}", done="skipped" if skips else "resumed")


async def delete(visit: Visit) -> Response:
    """Delete the endpoint."""
    name = visit.path["endpoint"]
    found = await visit.store.read(app.get, visit.instance, name)
    if visit.form("confirm").strip() != found.url:
        return await page(
            visit, "advanced", 422, errors={"confirm": "Type the endpoint's URL to delete it."}
        )
    entry = visit.entry("endpoint.delete", name, found.url)
    await visit.store.write(admins.noted, entry, app.delete, visit.instance, name, visit.now)
    return visit.go(f"{visit.base}/endpoints", done="deleted")


# Signing secret


async def secret(visit: Visit) -> Response:
    """Show what there is to know about the signing secret, but not the secret."""
    return await page(visit, "secret", **handlers.shown(visit, visit.query("framework")))


async def reveal(visit: Visit) -> Response:
    """Show the signing secret; that is audited."""
    entry = visit.entry("secret.reveal", visit.path["endpoint"])
    name, sealed = await visit.store.write(
        admins.noted, entry, app.secret, visit.instance, visit.path["endpoint"], visit.now
    )
    revealed = readable(visit.deps.vault.open(sealed, name).decode())
    return await page(visit, "secret", revealed=revealed, **handlers.shown(visit, ""))


async def rotate(visit: Visit) -> Response:
    """Give the endpoint a new secret; the present one lives on for a day."""
    name, now = visit.path["endpoint"], visit.now
    sealed, pair = (
        visit.deps.vault.seal(one.encode(), name) for one in (generate_secret(), generate_pair())
    )
    entry = visit.entry("secret.rotate", name)
    await visit.store.write(
        admins.noted, entry, app.rotate, visit.instance, name, sealed, GRACE_MS, now, pair
    )
    return visit.go(f"{visit.base}/endpoints/{name}/secret", done="rotated")


# Testing


def _result(tx: Tx, app_no: int, instance_id: str, name: str) -> dict[str, Any] | None:
    cursor = cursor_of(instance_id, name)
    found = None if cursor is None else views.message(tx, app_no, cursor)
    if found is None:
        return None
    rows = views.deliveries(tx, found["cursor"], limit=1)
    for row in rows:
        row["attempts"] = views.tries(tx, found["cursor"], row["endpoint"], limit=1)
    return {"id": name, "type": found["type"], "delivery": rows[0] if rows else None}


async def _testing(visit: Visit, status: int = 200, **values: Any) -> Response:
    events = await offered.read(visit)
    chosen = values.get("chosen") or visit.query("event")
    if chosen not in events:
        chosen = next(iter(events))
    sent = values.get("sent") or visit.query("sent")
    result = None
    if sent:
        result = await visit.store.read(_result, visit.instance.app, visit.instance.id, sent)
    shown = {"chosen": chosen, "example": offered.example_of(events[chosen]), "sent": sent}
    shown |= {"result": result, "whole": not events[chosen].known, "catalogue": events}
    return await page(visit, "testing", status, **{**shown, **values, "chosen": chosen})


async def testing(visit: Visit) -> Response:
    """Show the form to send an example, and what became of the last one."""
    return await _testing(visit)


async def send(visit: Visit) -> Response:
    """Send an example to this endpoint."""
    chosen, text = visit.form("event"), visit.form("example")
    name, one = visit.path["endpoint"], (await offered.read(visit)).get(chosen)
    try:
        if one is None:
            raise Invalid("Choose an event.", param="event")
        sends = redeliver.send_example if one.known else redeliver.send_body
        sent = await visit.store.write(
            admins.noted,
            visit.entry("endpoint.send_example", name, chosen),
            sends,
            visit.instance,
            name,
            chosen,
            offered.body_of(text),
            visit.now,
        )
    except Fault as fault:
        if isinstance(fault, NotFound):
            raise
        error = {fault.param or "example": fault.detail}
        return await _testing(visit, 422, chosen=chosen, example=text, errors=error)
    return await _testing(visit, chosen=chosen, example=text, sent=sent)


# Message attempts


async def attempts(visit: Visit) -> Response:
    """List the attempts, newest first."""
    code = visit.query("code")
    outcome = visit.query("outcome")
    wanted: dict[str, object] = {
        "type": visit.query("type"),
        "outcome": outcome if outcome in {"succeeded", "failed"} else "",
        "code": whole(code, 3) or 0,
        "subject": visit.query("subject").strip(),
    }
    before = _place(visit.query("before"))
    row = await visit.store.read(app.identify, visit.instance, visit.path["endpoint"])
    rows, more = await visit.store.read(_attempts, visit.instance.app, row, wanted, before)
    for one in rows:
        one["id"] = message_id(visit.instance.id, one["cursor"], one["message_at"])
    filtered = any(wanted.values())
    return await page(
        visit,
        "attempts",
        rows=rows,
        more=more and "-".join(map(str, more)),
        wanted=wanted,
        filtered=filtered,
        catalogue=await offered.read(visit),
    )


def _attempts(
    tx: Tx, app_no: int, name: str, wanted: dict[str, Any], before: views.Place
) -> tuple[list[dict[str, Any]], views.Place | None]:
    row = store.find(tx, app_no, name)
    return views.attempts(tx, app_no, row["no"], wanted, before, PAGE)


def _place(text: str) -> views.Place:
    """Read a place in the list from a link; the beginning if it is none."""
    numbers = [whole(part) for part in text.split("-")]
    if len(numbers) != 3 or None in numbers:
        return views.NEWEST
    at, cursor, n = (number or 0 for number in numbers)
    return at, cursor, n


async def advanced(visit: Visit) -> Response:
    """Show ordering, headers, rate limit, replay and deletion."""
    return await page(visit, "advanced")


_HERE = "/dashboard/{instance}/endpoints/{endpoint}"
ROUTES = (
    Route("GET", _HERE, overview, need=Need.READ),
    Route("POST", _HERE, change, "admin", Need.ENDPOINTS),
    Route("POST", f"{_HERE}/pause", pause, "admin", Need.ENDPOINTS),
    Route("POST", f"{_HERE}/enable", enable, "admin", Need.ENDPOINTS),
    Route("POST", f"{_HERE}/delete", delete, "admin", Need.ENDPOINTS),
    Route("GET", f"{_HERE}/secret", secret, need=Need.READ),
    Route("POST", f"{_HERE}/secret/reveal", reveal, "admin", Need.SECRET),
    Route("POST", f"{_HERE}/secret/rotate", rotate, "admin", Need.ROTATE),
    Route("GET", f"{_HERE}/testing", testing, need=Need.READ),
    Route("POST", f"{_HERE}/testing", send, "admin", Need.ATTEMPTS),
    Route("GET", f"{_HERE}/attempts", attempts, need=Need.READ),
    Route("GET", f"{_HERE}/advanced", advanced, need=Need.READ),
)
