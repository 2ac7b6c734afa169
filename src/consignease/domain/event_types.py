"""Event types of one's own: the example that a schema holds."""

from collections.abc import Sequence
from typing import Any, cast

from consignease.domain.endpoints import check_name
from consignease.domain.faults import Invalid

PING = "svix.ping"
"""The event type that can be sent as an example without being there."""

FLAGS_MAX = 100
"""Most feature flags of one event type."""


def check_flags(flags: Sequence[str], param: str) -> list[str]:
    """Check the feature flags of an event type.

    Raises:
        Invalid: there are too many, or one holds other characters than letters, digits, ``-_.``.
    """
    if len(flags) > FLAGS_MAX:
        msg = f"An event type has at most {FLAGS_MAX} feature flags."
        raise Invalid(msg, param=param)
    for index, flag in enumerate(flags):
        check_name(flag, f"{param}.[{index}]")
    return list(dict.fromkeys(flags))


def schema_example(schemas: dict[str, Any] | None) -> object:
    """Return the example that the newest of an event type's JSON Schemas holds.

    It is the schema's own (``examples`` of JSON Schema, or ``example`` of OpenAPI), or
    made of those of its properties.

    Args:
        schemas: A schema by its version, as clients name it; the highest is the newest.

    Returns:
        None if there is none.
    """
    return _example(newest_schema(schemas))


def newest_schema(schemas: dict[str, Any] | None) -> object:
    """Return the schema with the highest version; None if there is none."""
    if not schemas:
        return None
    newest = max(schemas, key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    return schemas[newest]


def _example(found: object) -> object:
    if not isinstance(found, dict):
        return None
    schema = cast("dict[str, Any]", found)
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return cast("list[object]", examples)[0]
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return None
    made = {name: _example(one) for name, one in cast("dict[str, Any]", properties).items()}
    return made if made and None not in made.values() else None
