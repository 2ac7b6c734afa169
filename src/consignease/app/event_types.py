"""The verbs of event types: those of the catalogue, and an instance's own beside them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from consignease.domain.access import Portal
from consignease.domain.faults import Conflict, Forbidden, NotFound
from consignease.domain.instances import Instance
from consignease.domain.openapi_events import Described
from consignease.store import event_types as store
from consignease.store.tx import Tx
from consignease.wire.catalogue import CATALOGUE, json_schema
from consignease.wire.events import EVENT_TYPES


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """One event type.

    Attributes:
        schemas: JSON Schemas of the payload, by version; None if there is none.
        feature_flags: Of these a portal token must hold one to see it; None if all may.
        group_name: What it is shown under.
        created_at: Milliseconds; 0 for those of the catalogue.
    """

    name: str
    description: str
    schemas: dict[str, Any] | None = None
    archived: bool = False
    deprecated: bool = False
    feature_flags: list[str] | None = None
    group_name: str | None = None
    created_at: int = 0
    updated_at: int = 0


@cache
def built_in() -> dict[str, EventType]:
    """Return the event types of the catalogue, by name."""
    return {
        name: EventType(
            name=name, description=CATALOGUE[name].description, schemas={"1": json_schema(name)}
        )
        for name in EVENT_TYPES
    }


def names(tx: Tx, instance: Instance, portal: Portal | None = None) -> frozenset[str]:
    """Return the names of all that are not archived, and that the holder of a token may see."""
    return frozenset(one.name for one in every(tx, instance, portal) if not one.archived)


def every(tx: Tx, instance: Instance, portal: Portal | None = None) -> list[EventType]:
    """Return all, by name; of those with flags what the holder of a portal token may see."""
    own = _seen(tx, [_read(row) for row in store.every(tx, instance.no)], portal)
    return sorted((*built_in().values(), *own), key=lambda one: one.name)


def _seen(tx: Tx, found: list[EventType], portal: Portal | None) -> list[EventType]:
    """Leave out what is hidden from a token: flags it does not hold, types nobody there asked for.

    Whoever subscribed to a type goes on seeing it, as Svix has it ("Event type feature flags").
    """
    if portal is None or not any(one.feature_flags for one in found):
        return found
    lists = store.subscribed(tx, portal.app_id)
    known = {name for one in lists for name in msgspec.json.decode(one, type=list[str])}
    held = frozenset(portal.feature_flags)
    return [
        one
        for one in found
        if not one.feature_flags or not held.isdisjoint(one.feature_flags) or one.name in known
    ]


def get(tx: Tx, instance: Instance, name: str, portal: Portal | None = None) -> EventType:
    """Return one.

    Raises:
        NotFound: there is none of that name, or none that the holder of a portal token may see.
    """
    found = built_in().get(name)
    if found is not None:
        return found
    row = store.get(tx, instance.no, name)
    seen = [] if row is None else _seen(tx, [_read(row)], portal)
    if not seen:
        raise NotFound(f"There is no event type {name}.", code="not_found")
    return seen[0]


def create(tx: Tx, instance: Instance, wanted: EventType, now: int) -> EventType:
    """Add one; an archived one of that name comes back.

    Raises:
        Conflict: there is one of that name.
    """
    row = store.get(tx, instance.no, wanted.name)
    if wanted.name in built_in() or (row is not None and not row["archived"]):
        msg = f"There is an event type {wanted.name} already."
        raise Conflict(msg, code="event_type_exists")
    return _put(tx, instance, wanted, now)


def change(tx: Tx, instance: Instance, name: str, changes: dict[str, Any], now: int) -> EventType:
    """Change one.

    Raises:
        NotFound: there is none of that name.
        Forbidden: it is of the catalogue.
    """
    before = get(tx, instance, name)
    _refuse_built_in(name)
    return _put(tx, instance, msgspec.structs.replace(before, **changes), now)


def differing(
    tx: Tx,
    instance: Instance,
    wanted: Sequence[Described],
    replace_all: bool,  # noqa: FBT001 - units take positional arguments
) -> list[str]:
    """Return the names of event types that an import would change.

    Args:
        tx: The transaction.
        instance: Whose event types.
        wanted: What a document describes.
        replace_all: Whether those that it does not describe are archived.
    """
    return [one.name for one in _changes(tx, instance, wanted, replace_all)]


def take_over(
    tx: Tx,
    instance: Instance,
    wanted: Sequence[Described],
    replace_all: bool,  # noqa: FBT001 - units take positional arguments
    now: int,
) -> list[str]:
    """Add and change event types as a document describes them; those of the catalogue stay.

    Returns:
        The names of those that were changed.
    """
    changes = _changes(tx, instance, wanted, replace_all)
    for one in changes:
        _put(tx, instance, one, now)
    return [one.name for one in changes]


def _changes(
    tx: Tx,
    instance: Instance,
    wanted: Sequence[Described],
    replace_all: bool,  # noqa: FBT001 - as above
) -> list[EventType]:
    own = {row["name"]: _read(row) for row in store.every(tx, instance.no)}
    changes: list[EventType] = []
    for one in wanted:
        if one.name in built_in():
            continue
        before = own.get(one.name)
        after = msgspec.structs.replace(
            EventType(name=one.name, description="") if before is None else before,
            description=one.description,
            schemas=one.schemas,
            archived=False,
            deprecated=one.deprecated,
        )
        # What a document does not say of them stays as somebody has set it.
        if one.feature_flags is not None:
            after = msgspec.structs.replace(after, feature_flags=one.feature_flags or None)
        if one.group_name is not None:
            after = msgspec.structs.replace(after, group_name=one.group_name)
        if after != before:
            changes.append(after)
    if replace_all:
        described = {one.name for one in wanted}
        changes += [
            msgspec.structs.replace(one, archived=True)
            for name, one in own.items()
            if name not in described and not one.archived
        ]
    return changes


def delete(tx: Tx, instance: Instance, name: str, now: int, how: str) -> None:
    """Archive one or, if `how` is ``expunge``, forget it.

    Raises:
        NotFound: there is none of that name.
        Forbidden: it is of the catalogue.
    """
    found = get(tx, instance, name)
    _refuse_built_in(name)
    if how == "expunge":
        store.delete(tx, instance.no, name)
    else:
        _put(tx, instance, msgspec.structs.replace(found, archived=True), now)


def _put(tx: Tx, instance: Instance, wanted: EventType, now: int) -> EventType:
    schemas = None if wanted.schemas is None else msgspec.json.encode(wanted.schemas).decode()
    flags = msgspec.json.encode(wanted.feature_flags).decode() if wanted.feature_flags else None
    values: dict[str, object] = {
        "instance": instance.no,
        "name": wanted.name,
        "description": wanted.description,
        "schemas": schemas,
        "archived": wanted.archived,
        "deprecated": wanted.deprecated,
        "feature_flags": flags,
        "group_name": wanted.group_name,
        "now": now,
    }
    return _read(store.put(tx, values))


def _read(row: Any) -> EventType:
    return EventType(
        name=row["name"],
        description=row["description"],
        schemas=None if row["schemas"] is None else msgspec.json.decode(row["schemas"]),
        archived=row["archived"] == 1,
        deprecated=row["deprecated"] == 1,
        feature_flags=None
        if row["feature_flags"] is None
        else msgspec.json.decode(row["feature_flags"]),
        group_name=row["group_name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _refuse_built_in(name: str) -> None:
    if name in built_in():
        msg = f"{name} is an event of the catalogue; it cannot be changed."
        raise Forbidden(msg, code="forbidden")
