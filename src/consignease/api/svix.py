"""The webhook API: its dialect and its operations, in the shapes that Svix clients speak."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from consignease import __version__
from consignease.api import (
    openapi,
    svix_apps,
    svix_brand,
    svix_destinations,
    svix_endpoint_more,
    svix_event_import,
    svix_event_types,
    svix_explain,
    svix_health,
    svix_message_create,
    svix_message_lists,
    svix_messages,
    svix_tasks,
)
from consignease.api.errors import svix_error
from consignease.api.ops import HeaderList, Headers, Log, Op, Services, bearer
from consignease.api.svix_endpoint_ops import endpoint_ops
from consignease.api.svix_key_ring import Rotation, ring_ops
from consignease.api.svix_keys import key_ops
from consignease.api.svix_operational import operational_ops
from consignease.api.svix_pollers import poller_ops
from consignease.api.svix_portal import portal_ops
from consignease.domain.access import Caller
from consignease.domain.faults import Fault, Unauthenticated
from consignease.domain.keys import PORTAL_PREFIX
from consignease.edge.guard import Policy
from consignease.edge.vault import Vault

_EXPOSED = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
]


class SvixDialect:
    """The webhook API's keys, errors and headers."""

    async def authenticate(self, services: Services, headers: Headers) -> Caller:
        """Find out whom the request's key or portal token belongs to."""
        key = bearer(headers)
        caller = None if key is None else await services.authenticate(key)
        if caller is None:
            if key is not None and key.startswith(("whsec_", "whsk_", "whpk_")):
                msg = "That is a signing secret; the API takes the instance's secret key (sk_...)."
            elif key is not None and key.startswith(PORTAL_PREFIX):
                msg = "This portal token is not valid, or no longer: open a new link."
            else:
                msg = "The request has no valid secret key. Send `Authorization: Bearer sk_...`."
            raise Unauthenticated(msg, code="authentication_failed")
        return caller

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


def _nothing() -> None:
    """Nobody remembers keys."""


def svix_ops(
    vault: Vault,
    guards: dict[str, Policy],
    *,
    public_url: str = "",
    forget_keys: Callable[[], None] = _nothing,
    rotation: Rotation | None = None,
    log: Log | None = None,
) -> tuple[Op, ...]:
    """Return every operation of the webhook API that is offered.

    Args:
        vault: Seals and opens signing secrets.
        guards: The address policy for each instance name.
        public_url: Where users and applications reach the server.
        forget_keys: Called when a key was revoked.
        rotation: Brings the key ring to another key.
        log: What polling endpoints read.
    """
    return (
        *endpoint_ops(vault, guards),
        *operational_ops(vault, guards),
        *svix_health.OPS,
        *svix_endpoint_more.OPS,
        *svix_apps.OPS,
        *svix_event_types.OPS,
        *svix_event_import.OPS,
        *svix_messages.OPS,
        *portal_ops(public_url),
        *svix_brand.OPS,
        *key_ops(forget_keys),
        *ring_ops(rotation),
        *svix_message_create.OPS,
        *svix_message_lists.OPS,
        *svix_explain.OPS,
        *svix_tasks.OPS,
        *svix_destinations.OPS,
        *poller_ops(log),
    )
