"""The webhook API: its dialect and its operations, in the shapes that Svix clients speak."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease import __version__
from consignease.api import (
    openapi,
    svix_apps,
    svix_endpoint_more,
    svix_event_types,
    svix_health,
    svix_messages,
)
from consignease.api.errors import svix_error
from consignease.api.ops import HeaderList, Headers, Op, Services, bearer
from consignease.api.svix_endpoints import endpoint_ops
from consignease.api.svix_operational import operational_ops
from consignease.domain.faults import Fault, Unauthenticated
from consignease.domain.instances import Instance
from consignease.edge.guard import Policy
from consignease.edge.vault import Vault

_EXPOSED = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
]


class SvixDialect:
    """The webhook API's keys, errors and headers."""

    async def authenticate(self, services: Services, headers: Headers) -> Instance:
        """Find the instance that the request's secret key belongs to."""
        key = bearer(headers)
        instance = None if key is None else await services.authenticate(key)
        if instance is None:
            if key is not None and key.startswith("whsec_"):
                msg = "That is a signing secret; the API takes the instance's secret key (sk_...)."
            else:
                msg = "The request has no valid secret key. Send `Authorization: Bearer sk_...`."
            raise Unauthenticated(msg, code="authentication_failed")
        return instance

    def refuse(self, fault: Fault, trace_id: str) -> tuple[int, bytes]:
        """Put a fault into the shape that Svix clients read."""
        return svix_error(fault, trace_id)

    def missing(self, path: str) -> str:
        """Say that there is nothing at a path."""
        return f"There is nothing at {path}, or Consignease does not offer it."

    def headers(self, request: Headers, trace_id: str) -> HeaderList:
        """Name the request, and let pages of any origin read the answer."""
        del request
        return [(b"x-request-id", trace_id.encode()), *_EXPOSED]


class Refusal(msgspec.Struct):
    """The error answer of the webhook API: `detail` is a list where content is at fault."""

    detail: str | list[dict[str, Any]]
    code: str | None = None


def description(ops: Sequence[Op]) -> dict[str, Any]:
    """Return the OpenAPI document of what is offered."""
    title = "Consignease Webhook API"
    return openapi.document(ops, title=title, version=__version__, errors=Refusal)


def svix_ops(vault: Vault, guards: dict[str, Policy]) -> tuple[Op, ...]:
    """Return every operation of the webhook API that is offered.

    Args:
        vault: Seals and opens signing secrets.
        guards: The address policy for each instance name.
    """
    return (
        *endpoint_ops(vault, guards),
        *operational_ops(vault, guards),
        *svix_health.OPS,
        *svix_endpoint_more.OPS,
        *svix_apps.OPS,
        *svix_event_types.OPS,
        *svix_messages.OPS,
    )
