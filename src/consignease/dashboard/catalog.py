"""Event Catalog: every event with what triggers it, its schema and an example."""

import json

from starlette.responses import Response

from consignease.dashboard import endpoint_forms as forms
from consignease.dashboard.visit import Route, Visit
from consignease.domain.faults import NotFound
from consignease.wire.catalogue import CATALOGUE, example_body, json_schema

EMITTED = frozenset({"user.created", "user.updated", "user.deleted"})
"""What this release sends by itself; examples of the others can be sent."""


async def index(visit: Visit) -> Response:
    """List the events by group."""
    return visit.page("catalog.html", groups=forms.groups(), emitted=EMITTED)


async def event(visit: Visit) -> Response:
    """Show one event."""
    doc = CATALOGUE.get(visit.path["event"])
    if doc is None:
        raise NotFound("There is no such event.")
    return visit.page(
        "event.html",
        doc=doc,
        emitted=doc.type in EMITTED,
        example=example_body(doc.type),
        schema=json.dumps(json_schema(doc.type)),
    )


_HERE = "/dashboard/{instance}/events"
ROUTES = (
    Route("GET", _HERE, index),
    Route("GET", _HERE + "/{event}", event),
)
