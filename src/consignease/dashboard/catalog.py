"""Event Catalog: every event with what triggers it, its schema and an example."""

from starlette.responses import Response

from consignease.dashboard import offered
from consignease.dashboard.visit import Route, Visit
from consignease.domain.access import Need
from consignease.domain.faults import NotFound
from consignease.wire.catalogue import example_body

EMITTED = frozenset({"user.created", "user.updated", "user.deleted"})
"""What this release sends by itself; examples of the others can be sent."""


async def index(visit: Visit) -> Response:
    """List the events by group."""
    groups = offered.groups(await offered.read(visit))
    return visit.page("catalog.html", groups=groups, emitted=EMITTED)


async def event(visit: Visit) -> Response:
    """Show one event."""
    doc = (await offered.read(visit)).get(visit.path["event"])
    if doc is None:
        raise NotFound("There is no such event.")
    return visit.page(
        "event.html",
        doc=doc,
        emitted=doc.type in EMITTED,
        example=example_body(doc.type) if doc.known else offered.example_of(doc),  # type: ignore[arg-type]
        schema=offered.schema_of(doc),
    )


_HERE = "/dashboard/{instance}/events"
ROUTES = (
    Route("GET", _HERE, index, need=Need.CATALOGUE),
    Route("GET", _HERE + "/{event}", event, need=Need.CATALOGUE),
)
