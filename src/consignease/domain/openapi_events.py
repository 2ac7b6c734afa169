"""Event types in an OpenAPI document: its `webhooks` (OpenAPI 3.1), or `x-webhooks` before."""

import re
from typing import Any, cast

import msgspec

from consignease.domain.endpoints import check_name
from consignease.domain.event_types import check_flags
from consignease.domain.faults import Invalid

TYPES_MAX = 500
"""Most event types of one document."""
_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,256}")
_REF = "#/components/schemas/"
_METHODS = ("post", "put", "get", "patch", "delete")


class Described(msgspec.Struct, frozen=True):
    """An event type as a document describes it; `schemas` by version, as event types keep them.

    `feature_flags` (``x-svix-feature-flags``, or ``x-svix-feature-flag`` for one) and
    `group_name` (``x-svix-group-name``) are None where the document does not say.
    """

    name: str
    description: str
    schemas: dict[str, Any] | None
    deprecated: bool
    feature_flags: list[str] | None = None
    group_name: str | None = None


def described(spec: dict[str, Any]) -> list[Described]:
    """Return the event types of a document, by name.

    The key of a webhook is the event type's name. Its schema is that of the JSON
    body, with those it refers to beside it, so that it stands for itself.

    Raises:
        Invalid: there are none, too many, or one cannot be an event type.
    """
    webhooks = _object(spec.get("webhooks")) or _object(spec.get("x-webhooks"))
    if not webhooks:
        msg = "The document has no webhooks."
        raise Invalid(msg, param="spec")
    if len(webhooks) > TYPES_MAX:
        msg = f"The document has more than {TYPES_MAX} webhooks."
        raise Invalid(msg, param="spec")
    return [_described(spec, name, webhooks[name]) for name in sorted(webhooks)]


def _described(spec: dict[str, Any], name: str, item: object) -> Described:
    if _NAME.fullmatch(name) is None:
        msg = f"{name[:80]!r} cannot be an event type: letters, digits and - _ . only."
        raise Invalid(msg, param="spec")
    methods = _object(item)
    operation = _object(next((methods[verb] for verb in _METHODS if verb in methods), None))
    text = operation.get("description") or operation.get("summary") or ""
    schema = _schema(spec, operation)
    return Described(
        name=name,
        description=str(text),
        schemas=None if schema is None else {"1": schema},
        deprecated=operation.get("deprecated") is True,
        feature_flags=_flags(operation),
        group_name=_group(operation),
    )


def _flags(operation: dict[str, Any]) -> list[str] | None:
    one, some = operation.get("x-svix-feature-flag"), operation.get("x-svix-feature-flags")
    if some is None:
        if one is None:
            return None
        some = [one]
    if not isinstance(some, list):
        msg = "x-svix-feature-flags is a list of names."
        raise Invalid(msg, param="spec")
    return check_flags([str(flag) for flag in cast("list[object]", some)], "spec")


def _group(operation: dict[str, Any]) -> str | None:
    group = operation.get("x-svix-group-name")
    return None if group is None else check_name(str(group), "spec")


def _schema(spec: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    content = _object(_object(operation.get("requestBody")).get("content"))
    media = _object(next((content[kind] for kind in content if "json" in kind), None))
    schema = media.get("schema")
    if not isinstance(schema, dict):
        return None
    whole = cast("dict[str, Any]", schema)
    known = _object(_object(spec.get("components")).get("schemas"))
    needed: dict[str, Any] = {}
    waiting = _named(whole)
    while waiting:
        name = waiting.pop()
        if name in known and name not in needed:
            needed[name] = known[name]
            waiting |= _named(known[name])
    if not needed:
        return whole
    return whole | {"components": {"schemas": dict(sorted(needed.items()))}}


def _named(schema: object) -> set[str]:
    """Return the names of the document's schemas that one refers to."""
    found: set[str] = set()
    stack = [schema]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            items = cast("dict[str, Any]", one)
            reference = items.get("$ref")
            if isinstance(reference, str) and reference.startswith(_REF):
                found.add(reference.removeprefix(_REF))
            stack += items.values()
        elif isinstance(one, list):
            stack += cast("list[Any]", one)
    return found


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
