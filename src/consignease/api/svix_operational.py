"""Operational webhooks in the webhook API: endpoints that hear of endpoints and deliveries."""

from functools import partial
from typing import Any

import msgspec

from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_endpoint_more import HeadersIn, HeadersOut, headers_out
from consignease.api.svix_endpoints import Endpoints
from consignease.api.svix_shapes import (
    EndpointIn,
    EndpointList,
    EndpointOut,
    ListQuery,
    RotateIn,
    SecretOut,
)
from consignease.app import endpoints, operations
from consignease.domain import endpoints as rules
from consignease.domain.instances import Instance
from consignease.domain.operations import OPERATIONAL_EVENTS
from consignease.edge.guard import Policy
from consignease.edge.vault import Vault

_TYPES = frozenset(OPERATIONAL_EVENTS)


async def _owned(call: Call[Any, Any]) -> Instance:
    found = await call.services.store.read(operations.existing, call.instance)
    if found is None:
        found = await call.services.store.write(
            operations.application, call.instance, call.services.now()
        )
    return found


async def _types(call: Call[Any, Any], instance: Instance) -> frozenset[str]:
    del call, instance
    return _TYPES


async def get_headers(call: Call[None, None]) -> bytes:
    """Return an endpoint's custom headers."""
    found = await call.services.store.read(
        endpoints.get, await _owned(call), call.path["endpoint_id"]
    )
    return msgspec.json.encode(headers_out(found))


async def put_headers(call: Call[None, HeadersIn]) -> Reply:
    """Replace an endpoint's custom headers."""
    wanted = {name: value for name, value in call.body.headers.items() if value is not None}
    await call.services.store.write(
        endpoints.change,
        await _owned(call),
        call.path["endpoint_id"],
        {"headers": rules.check_headers(wanted)},
        call.services.now(),
    )
    return Reply(204)


def operational_ops(vault: Vault, guards: dict[str, Policy]) -> tuple[Op, ...]:
    """Return the operations on operational webhooks."""
    handle = Endpoints(vault, guards, owned=_owned, types=_types)
    many = "/api/v1/operational-webhook/endpoint"
    op = partial(Op, refuses=(404, 409, 422), tag="Operational webhooks")
    return (
        op(
            method="GET",
            path=many,
            name="v1.operational-webhook.endpoint.list",
            summary="List the endpoints that hear of operational events.",
            handler=handle.list,
            query=ListQuery,
            returns=EndpointList,
        ),
        op(
            method="POST",
            path=many,
            name="v1.operational-webhook.endpoint.create",
            summary="Add one.",
            handler=handle.create,
            body=EndpointIn,
            returns=EndpointOut,
            status=201,
        ),
        *_ops_on_one(op, handle, many + "/{endpoint_id}"),
    )


def _ops_on_one(op: "partial[Op]", handle: Endpoints, path: str) -> tuple[Op, ...]:
    name = "v1.operational-webhook.endpoint"
    return (
        op(
            method="GET",
            path=path,
            name=f"{name}.get",
            summary="Return one.",
            handler=handle.get,
            returns=EndpointOut,
        ),
        op(
            method="PUT",
            path=path,
            name=f"{name}.update",
            summary="Change one as a whole, or add it.",
            handler=handle.put,
            body=EndpointIn,
            returns=EndpointOut,
            also=(201,),
        ),
        op(
            method="DELETE",
            path=path,
            name=f"{name}.delete",
            summary="Delete one.",
            handler=handle.delete,
            status=204,
        ),
        *_ops_on_its_secrets(op, handle, path),
    )


def _ops_on_its_secrets(op: "partial[Op]", handle: Endpoints, path: str) -> tuple[Op, ...]:
    name = "v1.operational-webhook.endpoint"
    return (
        op(
            method="GET",
            path=f"{path}/secret",
            name=f"{name}.get-secret",
            summary="Return its signing secret.",
            handler=handle.secret,
            returns=SecretOut,
        ),
        op(
            method="POST",
            path=f"{path}/secret/rotate",
            name=f"{name}.rotate-secret",
            summary="Give it a new signing secret.",
            handler=handle.rotate,
            body=RotateIn,
            returns=SecretOut,
        ),
        op(
            method="GET",
            path=f"{path}/headers",
            name=f"{name}.get-headers",
            summary="Return its custom headers.",
            handler=get_headers,
            returns=HeadersOut,
        ),
        op(
            method="PUT",
            path=f"{path}/headers",
            name=f"{name}.update-headers",
            summary="Replace its custom headers.",
            handler=put_headers,
            body=HeadersIn,
            status=204,
        ),
    )
