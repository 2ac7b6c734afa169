"""Importing event types from an OpenAPI document in the webhook API."""

from functools import partial
from typing import Any, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, replied
from consignease.app import event_types
from consignease.app.idempotency import once
from consignease.domain import endpoints as rules
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance
from consignease.domain.openapi_events import Described, described
from consignease.store.tx import Tx


class ImportIn(Struct, kw_only=True, rename="camel"):
    """An OpenAPI document: `spec` as JSON, or `specRaw` as text of JSON or YAML."""

    spec: dict[str, Any] | None = None
    spec_raw: str | None = None
    dry_run: bool = False
    replace_all: bool = False


class FromOpenApi(Struct, kw_only=True, rename="camel"):
    """An event type as the document describes it."""

    name: str
    description: str
    schemas: dict[str, Any] | None
    deprecated: bool
    group_name: str | None = None
    feature_flags: list[str] | None = None


class ImportData(Struct, kw_only=True):
    """What was changed; for a dry run, what would be."""

    modified: list[str]
    to_modify: list[FromOpenApi] | UnsetType = UNSET


class ImportOut(Struct, kw_only=True):
    """The answer."""

    data: ImportData


def _spec(body: ImportIn) -> dict[str, Any]:
    if (body.spec is None) == (body.spec_raw is None):
        msg = "Send either spec or specRaw."
        raise Invalid(msg, param="spec")
    if body.spec is not None:
        return body.spec
    found = _parsed(body.spec_raw or "")
    if not isinstance(found, dict):
        msg = "specRaw is not an OpenAPI document."
        raise Invalid(msg, param="specRaw")
    return cast("dict[str, Any]", found)


def _parsed(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        try:
            return msgspec.yaml.decode(text)
        except ImportError:
            msg = f"specRaw is not JSON ({error}); for YAML, PyYAML must be installed."
        except (msgspec.DecodeError, RecursionError) as wrong:
            msg = f"specRaw is neither JSON nor YAML: {wrong}"
    except RecursionError:
        msg = "specRaw is nested too deeply."
    raise Invalid(msg, param="specRaw")


async def import_types(call: Call[None, ImportIn]) -> Reply:
    """Add or change the event types of an OpenAPI document's webhooks."""
    body, instance, now = call.body, call.instance, call.services.now()
    wanted = described(_spec(body))
    for one in wanted:
        rules.check_description(one.description)
    if body.dry_run:
        changed = await call.services.store.read(
            event_types.differing, instance, wanted, body.replace_all
        )
        return Reply(200, msgspec.json.encode(_out([], wanted, changed)))
    effect = partial(_import, instance, wanted, body.replace_all, now)
    key, request = idempotent(call, "import event types", body)
    return replied(await call.services.store.write(once, instance.no, key, request, now, effect))


def _import(
    instance: Instance,
    wanted: list[Described],
    replace_all: bool,  # noqa: FBT001 - units take positional arguments
    now: int,
    tx: Tx,
) -> tuple[int, bytes]:
    changed = event_types.take_over(tx, instance, wanted, replace_all, now)
    return 200, msgspec.json.encode(ImportOut(data=ImportData(modified=changed)))


def _out(modified: list[str], wanted: list[Described], names: list[str]) -> ImportOut:
    shown = [
        FromOpenApi(
            name=one.name,
            description=one.description,
            schemas=one.schemas,
            deprecated=one.deprecated,
            group_name=one.group_name,
            feature_flags=one.feature_flags,
        )
        for one in wanted
        if one.name in names
    ]
    return ImportOut(data=ImportData(modified=modified, to_modify=shown))


OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path="/api/v1/event-type/import/openapi",
        name="v1.event-type.import-openapi",
        summary="Add or change the event types of an OpenAPI document's webhooks.",
        handler=import_types,
        body=ImportIn,
        returns=ImportOut,
        refuses=(409, 422),
        tag="Event types",
    ),
)
