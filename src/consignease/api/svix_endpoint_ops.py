"""The operations on endpoints in the webhook API."""

from functools import partial

from consignease.api.key_sets import KeySet
from consignease.api.ops import Op
from consignease.api.svix_endpoints import Endpoints
from consignease.api.svix_shapes import (
    EndpointIn,
    EndpointList,
    EndpointOut,
    EndpointPatch,
    ListQuery,
    RotateIn,
    SecretOut,
)
from consignease.domain.access import Need
from consignease.edge.guard import Policy
from consignease.edge.vault import Vault

_TAG = "Endpoints"


def endpoint_ops(vault: Vault, guards: dict[str, Policy]) -> tuple[Op, ...]:
    """Return the operations on endpoints."""
    handle = Endpoints(vault, guards)
    many = "/api/v1/app/{app_id}/endpoint"

    op = partial(Op, refuses=(404, 422), tag=_TAG)
    return (
        op(
            method="GET",
            path=many,
            name="v1.endpoint.list",
            needs=Need.READ,
            summary="List endpoints.",
            handler=handle.list,
            query=ListQuery,
            returns=EndpointList,
        ),
        op(
            method="POST",
            path=many,
            name="v1.endpoint.create",
            needs=Need.ENDPOINTS,
            summary="Add an endpoint.",
            handler=handle.create,
            body=EndpointIn,
            returns=EndpointOut,
            status=201,
        ),
        *_ops_on_one(op, handle, many + "/{endpoint_id}"),
    )


def _ops_on_one(op: "partial[Op]", handle: Endpoints, path: str) -> tuple[Op, ...]:
    return (
        op(
            method="GET",
            path=path,
            name="v1.endpoint.get",
            needs=Need.READ,
            summary="Return an endpoint.",
            handler=handle.get,
            returns=EndpointOut,
        ),
        op(
            method="PATCH",
            path=path,
            name="v1.endpoint.patch",
            needs=Need.ENDPOINTS,
            summary="Change an endpoint.",
            handler=handle.patch,
            body=EndpointPatch,
            returns=EndpointOut,
        ),
        op(
            method="PUT",
            path=path,
            name="v1.endpoint.update",
            needs=Need.ENDPOINTS,
            summary="Change an endpoint as a whole, or add it.",
            handler=handle.put,
            body=EndpointIn,
            returns=EndpointOut,
            also=(201,),
        ),
        op(
            method="DELETE",
            path=path,
            name="v1.endpoint.delete",
            needs=Need.ENDPOINTS,
            summary="Delete an endpoint.",
            handler=handle.delete,
            status=204,
        ),
        *_ops_on_keys(op, handle, path),
    )


def _ops_on_keys(op: "partial[Op]", handle: Endpoints, path: str) -> tuple[Op, ...]:
    return (
        op(
            method="GET",
            path=f"{path}/secret",
            name="v1.endpoint.get-secret",
            needs=Need.SECRET,
            summary="Return an endpoint's signing secret.",
            handler=handle.secret,
            returns=SecretOut,
        ),
        op(
            method="GET",
            path=f"{path}/jwks",
            name="v1.endpoint.get-jwks",
            needs=Need.READ,
            summary="Return the public keys that an endpoint's v1a signatures verify with.",
            handler=handle.jwks,
            returns=KeySet,
        ),
        op(
            method="POST",
            path=f"{path}/secret/rotate",
            name="v1.endpoint.rotate-secret",
            needs=Need.ROTATE,
            summary="Give an endpoint a new signing secret.",
            handler=handle.rotate,
            body=RotateIn,
            returns=SecretOut,
        ),
    )
