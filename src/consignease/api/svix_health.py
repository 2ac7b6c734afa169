"""How an endpoint does, in the webhook API: a call of our own."""

from typing import Any

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op
from consignease.api.svix_calls import owned, shown_time
from consignease.api.svix_shapes import endpoint_out
from consignease.app.endpoint_report import report
from consignease.domain.access import Need


class HealthOut(Struct, kw_only=True, rename="camel"):
    """How an endpoint does.

    `state` is one of new, healthy, failing, backing_off, paused, disabled. The share
    counts the attempts of the last 24 hours, the newest 1,000 at most; null if there
    were none. `waiting` is counted to 10,001.
    """

    state: str
    disabled_reason: str | None
    failing_since: str | None
    last_success_at: str | None
    backing_off_until: str | None
    attempts: int
    success_share: float | None
    waiting: int


async def health(call: Call[None, Any]) -> bytes:
    """Return how an endpoint does."""
    now = call.services.now()
    found = await call.services.store.read(report, await owned(call), call.path["endpoint_id"], now)
    endpoint = found.endpoint
    shown, until, last = (
        endpoint_out(endpoint, now),
        endpoint.paused_until,
        endpoint.last_success_at,
    )
    return msgspec.json.encode(
        HealthOut(
            state=shown.state,
            disabled_reason=endpoint.disabled_reason,
            failing_since=shown.failing_since,
            last_success_at=None if last is None else shown_time(last),
            backing_off_until=None if until is None or until <= now else shown_time(until),
            attempts=found.attempts,
            success_share=found.succeeded / found.attempts if found.attempts else None,
            waiting=found.waiting,
        )
    )


OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path="/api/v1/app/{app_id}/endpoint/{endpoint_id}/health",
        name="v1.endpoint.get-health",
        needs=Need.READ,
        summary="Return how an endpoint does.",
        handler=health,
        returns=HealthOut,
        refuses=(404, 422),
        tag="Endpoints",
    ),
)
