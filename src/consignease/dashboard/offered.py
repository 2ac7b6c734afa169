"""The events that an endpoint may ask for: the catalogue's, an instance's own, operational ones."""

import json as text
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from consignease.app import event_types
from consignease.app.event_types import EventType
from consignease.dashboard.visit import Place, Visit
from consignease.domain.event_types import newest_schema, schema_example
from consignease.domain.faults import Invalid
from consignease.domain.operations import OPERATIONAL_EVENTS, operational_example
from consignease.wire import json
from consignease.wire.catalogue import CATALOGUE, example, json_schema
from consignease.wire.json import UnstableJSON


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        type: Its name.
        group: The part before the dot.
        description: One sentence.
        trigger: What makes the server send it; empty where only its maker knows.
        data: The name of the type of its `data`; empty outside the catalogue.
        schemas: JSON Schemas of its body by version; None for the catalogue's, and if there is none.
    """

    type: str
    group: str
    description: str
    trigger: str = ""
    data: str = ""
    schemas: dict[str, Any] | None = None

    @property
    def known(self) -> bool:
        """Whether it is of the catalogue, so that a payload is its `data` in an envelope."""
        return self.type in CATALOGUE


_CATALOGUE = {
    name: Offered(
        type=name, group=doc.group, description=doc.description, trigger=doc.trigger, data=doc.data
    )
    for name, doc in CATALOGUE.items()
}


def _plain(name: str, description: str, schemas: dict[str, Any] | None = None) -> Offered:
    group = name.partition(".")[0]
    return Offered(type=name, group=group, description=description, schemas=schemas)


_OPERATIONAL = {name: _plain(name, words) for name, words in OPERATIONAL_EVENTS.items()}


async def read(visit: Visit, asked: Iterable[str] = ()) -> dict[str, Offered]:
    """Return the events that the pages of an application offer, by name.

    Customers whose supplier has event types of its own are shown those: the
    catalogue's are about the supplier's users. What an endpoint asks for
    already is always among them.

    Args:
        visit: The request.
        asked: Names that an endpoint asks for already.
    """
    if visit.place is Place.OPERATIONAL:
        found = dict(_OPERATIONAL)
    else:
        every = await visit.store.read(event_types.every, visit.instance)
        found = {one.name: _own(one) for one in every if _is_own(one)}
        if not (found and visit.place is Place.PORTAL and not visit.is_built_in):
            found = {**_CATALOGUE, **found}
    for name in asked:
        if name not in found:
            found[name] = _CATALOGUE.get(name) or _plain(name, "Not in the catalog any more.")
    return found


def _is_own(one: EventType) -> bool:
    return one.name not in CATALOGUE and not one.archived


def _own(one: EventType) -> Offered:
    return _plain(one.name, one.description, one.schemas)


def groups(offered: dict[str, Offered]) -> dict[str, list[Offered]]:
    """Return events by group."""
    found: dict[str, list[Offered]] = {}
    for one in offered.values():
        found.setdefault(one.group, []).append(one)
    return found


def example_of(one: Offered) -> str:
    """Return an example of the payload, to be edited before it is sent."""
    if one.known:
        return json.dumps(example(one.type).data).decode()  # type: ignore[arg-type]
    if one.type in OPERATIONAL_EVENTS:
        return text.dumps(operational_example(one.type))
    return text.dumps(schema_example(one.schemas) or {}, ensure_ascii=False)


def body_of(written: str) -> bytes:
    """Return what is sent of a payload that somebody wrote.

    Raises:
        Invalid: it is no JSON object, or would not arrive as it was written.
    """
    try:
        value = json.loads(written)
        if not isinstance(value, dict):
            raise Invalid("The payload is one JSON object: { … }.", param="example")
        return json.dumps(json.canonical(value))
    except UnstableJSON as error:
        raise Invalid(f"{error.reason} (at {error.path}).", param="example") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"This is not JSON: {error}.", param="example") from None


def schema_of(one: Offered) -> str:
    """Return an event's JSON Schema; empty if it has none."""
    if one.known:
        return text.dumps(json_schema(cast("Any", one.type)))
    found = newest_schema(one.schemas)
    return "" if found is None else text.dumps(found, ensure_ascii=False)
