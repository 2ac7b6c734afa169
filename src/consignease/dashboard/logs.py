"""Logs: every message, searched by walking; Activity: charts of what was attempted."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from consignease.dashboard.charts import activity as charted
from consignease.dashboard.visit import Route, Visit, whole
from consignease.domain.messages import cursor_of, message_id
from consignease.store import views
from consignease.store.tx import Tx
from consignease.wire.catalogue import CATALOGUE

PAGE = 50
RANGES = {"1h": ("Last hour", 1), "24h": ("Last 24 hours", 24), "7d": ("Last 7 days", 168)}
ATTEMPTS_MAX = 12_000
"""How many attempts the charts are made of at most, all endpoints together."""
_FEWEST = 200
_ENDPOINTS = 50
_BUCKETS = 60


async def index(visit: Visit) -> Response:
    """List messages, newest first; an id leads to its page."""
    text = visit.query("q").strip()
    if cursor_of(visit.instance.id, text) is not None:
        return visit.go(f"{visit.base}/messages/{text}")
    wanted: dict[str, object] = {
        "type": visit.query("type"),
        "subject": visit.query("subject").strip(),
        "since": _since(visit.query("since")),
        "text": text.encode("utf-8", "surrogatepass"),
    }
    cursor = whole(visit.query("before")) or 2**60
    rows, more, walked = await visit.store.read(views.log, visit.instance.app, wanted, cursor, PAGE)
    for row in rows:
        row["id"] = message_id(visit.instance.id, row["cursor"], row["at"])
    return visit.page(
        "logs.html",
        rows=rows,
        more=more,
        walked=walked,
        asked={"q": text, **{name: visit.query(name) for name in ("type", "subject", "since")}},
        filtered=bool(text or any(wanted.values())),
        catalogue=CATALOGUE,
    )


def _since(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, round(moment.timestamp() * 1000))


def _activity(tx: Tx, app: int, only: str, since: int) -> dict[str, Any]:
    endpoints = views.endpoints(tx, app)
    chosen = [one for one in endpoints if only in {"", one["id"]}]
    rows: list[Any] = []
    waiting, oldest, capped = 0, None, False
    share = max(_FEWEST, ATTEMPTS_MAX // max(1, len(chosen[:_ENDPOINTS])))
    for one in chosen[:_ENDPOINTS]:
        recent = views.recent(tx, one["no"], since, share)
        capped = capped or len(recent) == share
        rows += recent
        count, first = views.unsent(tx, one["no"])
        waiting += count
        if first is not None and (oldest is None or first < oldest):
            oldest = first
    oldest_at = None
    if oldest is not None:
        found = views.message(tx, app, oldest)
        oldest_at = None if found is None else found["at"]
    return {
        "endpoints": [dict(one) for one in endpoints],
        "rows": rows,
        "waiting": waiting,
        "oldest_at": oldest_at,
        "capped": capped,
        "share": share,
    }


async def activity(visit: Visit) -> Response:
    """Show charts of volume, success and time taken."""
    span = visit.query("range") if visit.query("range") in RANGES else "1h"
    now = visit.now
    start = now - RANGES[span][1] * 3_600_000
    read = await visit.store.read(_activity, visit.instance.app, visit.query("endpoint"), start)
    found = charted(read.pop("rows"), start, now, _BUCKETS)
    return visit.page(
        "activity.html",
        **read,
        chosen=visit.query("endpoint"),
        span=span,
        ranges=RANGES,
        total=found.total,
        good=found.good,
        p50=found.p50,
        p99=found.p99,
        data=msgspec.json.encode(found.charts).decode(),
    )


ROUTES = (
    Route("GET", "/dashboard/{instance}/messages", index),
    Route("GET", "/dashboard/{instance}/activity", activity),
)
