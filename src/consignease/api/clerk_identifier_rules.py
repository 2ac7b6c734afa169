"""The allow-list and the block-list in the Backend API."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Handler, Op
from consignease.app import identifier_rules as app
from consignease.domain import identifier_rules
from consignease.domain.faults import Invalid
from consignease.domain.identifier_rules import IdentifierRule, List
from consignease.domain.instances import Instance
from consignease.wire.objects.deleted import DeletedObjectJSON


class IdentifierJSON(Struct, frozen=True, kw_only=True):
    """One identifier on a list."""

    object: str
    id: str
    identifier: str
    identifier_type: str
    instance_id: str
    created_at: int
    updated_at: int


class Identifiers(Struct, frozen=True, kw_only=True):
    """A page of a list and how many there are."""

    data: list[IdentifierJSON]
    total_count: int


class Allowed(Struct, kw_only=True):
    """Body of POST /allowlist_identifiers."""

    identifier: Annotated[str, Meta(max_length=256)]
    notify: bool | None = None


class Blocked(Struct, kw_only=True):
    """Body of POST /blocklist_identifiers."""

    identifier: Annotated[str, Meta(max_length=256)]


class AllowedPage(Struct, kw_only=True, frozen=True):
    """Query of GET /allowlist_identifiers."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0
    paginated: bool = False


def _shown(where: List, instance: Instance, rule: IdentifierRule) -> IdentifierJSON:
    return IdentifierJSON(
        object=f"{where}_identifier",
        id=rule.id,
        identifier=rule.identifier,
        identifier_type=rule.identifier_type,
        instance_id=instance.id,
        created_at=rule.created_at,
        updated_at=rule.created_at,
    )


def _create(where: List) -> Handler:
    async def handler(call: Call[None, Allowed | Blocked]) -> bytes:
        services, body = call.services, call.body
        if isinstance(body, Allowed) and body.notify:
            msg = "Consignease sends no invitations yet; leave notify out."
            raise Invalid(
                "is not supported", code="form_param_not_supported", detail=msg, param="notify"
            )
        identifier, kind = identifier_rules.check(body.identifier)
        rule = await services.store.write(
            app.create, call.instance, where, identifier, kind, services.now()
        )
        return msgspec.json.encode(_shown(where, call.instance, rule))

    return handler


async def list_allowed(call: Call[AllowedPage, None]) -> bytes:
    """Return a page of the allow-list, as a bare array unless ``paginated`` is asked for."""
    query = call.query
    rules, total = await call.services.store.read(
        app.page, call.instance, "allowlist", query.limit, query.offset
    )
    data = [_shown("allowlist", call.instance, rule) for rule in rules]
    return msgspec.json.encode(
        Identifiers(data=data, total_count=total) if query.paginated else data
    )


async def list_blocked(call: Call[None, None]) -> bytes:
    """Return the whole block-list."""
    rules, total = await call.services.store.read(app.page, call.instance, "blocklist", -1, 0)
    data = [_shown("blocklist", call.instance, rule) for rule in rules]
    return msgspec.json.encode(Identifiers(data=data, total_count=total))


def _delete(where: List) -> Handler:
    async def handler(call: Call[None, None]) -> bytes:
        rule_id = call.path["identifier_id"]
        await call.services.store.write(app.delete, call.instance, where, rule_id)
        return msgspec.json.encode(DeletedObjectJSON(object=f"{where}_identifier", id=rule_id))

    return handler


_TAG = "Allow-list / Block-list"
_ALLOW, _BLOCK = "/v1/allowlist_identifiers", "/v1/blocklist_identifiers"

OPS: tuple[Op, ...] = (
    Op(
        method="GET",
        path=_ALLOW,
        name="ListAllowlistIdentifiers",
        summary="List who may sign up.",
        handler=list_allowed,
        query=AllowedPage,
        returns=list[IdentifierJSON] | Identifiers,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="POST",
        path=_ALLOW,
        name="CreateAllowlistIdentifier",
        summary="Let an identifier sign up.",
        handler=_create("allowlist"),
        body=Allowed,
        returns=IdentifierJSON,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="DELETE",
        path=f"{_ALLOW}/{{identifier_id}}",
        name="DeleteAllowlistIdentifier",
        summary="Take an identifier off the allow-list.",
        handler=_delete("allowlist"),
        returns=DeletedObjectJSON,
        refuses=(404,),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path=_BLOCK,
        name="ListBlocklistIdentifiers",
        summary="List who may not sign up.",
        handler=list_blocked,
        returns=Identifiers,
        tag=_TAG,
    ),
    Op(
        method="POST",
        path=_BLOCK,
        name="CreateBlocklistIdentifier",
        summary="Keep an identifier from signing up.",
        handler=_create("blocklist"),
        body=Blocked,
        returns=IdentifierJSON,
        refuses=(422,),
        tag=_TAG,
    ),
    Op(
        method="DELETE",
        path=f"{_BLOCK}/{{identifier_id}}",
        name="DeleteBlocklistIdentifier",
        summary="Take an identifier off the block-list.",
        handler=_delete("blocklist"),
        returns=DeletedObjectJSON,
        refuses=(404,),
        tag=_TAG,
    ),
)
