"""What became of a message at each endpoint, and why: an addition of ours to the webhook API."""

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op
from consignease.api.svix_calls import owned, shown_time
from consignease.app import explaining
from consignease.domain.access import Need
from consignease.domain.messages import message_id


class ExplainQuery(Struct, kw_only=True, frozen=True):
    """Which endpoint, if only one matters."""

    endpoint: str | None = None


class VerdictOut(Struct, kw_only=True, rename="camel"):
    """What became of the message at one endpoint, why, and what to do next."""

    endpoint_id: str
    url: str
    verdict: str
    text: str
    next: list[str]


class PollerVerdictOut(Struct, kw_only=True, rename="camel"):
    """Whether the message can be fetched from one polling endpoint, and was."""

    poller_id: str
    verdict: str
    text: str
    next: list[str]


class ExplainOut(Struct, kw_only=True, rename="camel"):
    """What became of a message; `more` if there are endpoints beyond those shown."""

    id: str
    event_type: str
    timestamp: str
    summary: str
    endpoints: list[VerdictOut]
    pollers: list[PollerVerdictOut]
    more: bool


async def explain(call: Call[ExplainQuery, None]) -> bytes:
    """Explain what became of a message."""
    instance = await owned(call)
    found = await call.services.store.read(
        explaining.explain,
        instance,
        call.path["msg_id"],
        call.query.endpoint,
        call.services.now(),
    )
    row = found.row
    return msgspec.json.encode(
        ExplainOut(
            id=message_id(instance.id, row["cursor"], row["at"]),
            event_type=row["type"],
            timestamp=shown_time(row["at"]),
            summary=found.summary,
            endpoints=[
                VerdictOut(
                    endpoint_id=name,
                    url=url,
                    verdict=verdict.kind,
                    text=verdict.text,
                    next=list(verdict.steps),
                )
                for name, url, verdict in found.verdicts
            ],
            pollers=[
                PollerVerdictOut(
                    poller_id=name,
                    verdict=verdict.kind,
                    text=verdict.text,
                    next=list(verdict.steps),
                )
                for name, verdict in found.fetched
            ],
            more=found.more,
        )
    )


OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path="/api/v1/app/{app_id}/msg/{msg_id}/explain",
        name="v1.message.explain",
        needs=Need.READ,
        summary="Explain what became of a message at each endpoint.",
        handler=explain,
        query=ExplainQuery,
        returns=ExplainOut,
        refuses=(404, 422),
        tag="Messages",
    ),
)
