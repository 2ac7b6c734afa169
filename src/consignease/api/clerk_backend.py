"""The Backend API: its dialect and its operations."""

import re
from typing import Any

from consignease import __version__
from consignease.api import (
    clerk_absent,
    clerk_factors,
    clerk_identifications,
    clerk_identifier_rules,
    clerk_images,
    clerk_import,
    clerk_instance,
    clerk_user_actions,
    clerk_user_lists,
    clerk_users,
    openapi,
)
from consignease.api.errors import Errors, clerk_error
from consignease.api.ops import HeaderList, Headers, Op, Services, bearer
from consignease.api.versions import LATEST
from consignease.domain.access import Caller
from consignease.domain.faults import Fault, Unauthenticated

_VERSION = re.compile(rb"[0-9A-Za-z._-]{1,32}")


class ClerkDialect:
    """The Backend API's keys, errors and headers."""

    async def authenticate(self, services: Services, headers: Headers) -> Caller:
        """Find out whom the request's secret key or API key belongs to."""
        key = bearer(headers)
        if key is None:
            msg = "The request has no secret key."
            raise Unauthenticated(msg, detail=f"{msg} Send it as `Authorization: Bearer sk_...`.")
        caller = await services.authenticate(key)
        if caller is None:
            msg = "The secret key is not valid."
            raise Unauthenticated(
                msg, detail=f"{msg} Compare it with the one that this server printed."
            )
        return caller

    def refuse(self, fault: Fault, trace_id: str) -> tuple[int, bytes]:
        """Put a fault into the Backend API's error shape."""
        return clerk_error(fault, trace_id)

    def missing(self, path: str) -> str:
        """Say why there is nothing at a path."""
        return clerk_absent.reason(path)

    def headers(self, request: Headers, trace_id: str) -> HeaderList:
        """Echo the version that was asked for, and name the request."""
        version = request.get(b"clerk-api-version", LATEST)
        if version is not LATEST and not _VERSION.fullmatch(version):
            version = LATEST
        return [(b"clerk-api-version", version), (b"x-clerk-trace-id", trace_id.encode())]


OPS: tuple[Op, ...] = (
    *clerk_users.OPS,
    *clerk_user_lists.OPS,
    *clerk_user_actions.OPS,
    *clerk_factors.OPS,
    *clerk_images.OPS,
    *clerk_import.OPS,
    *clerk_identifications.OPS,
    *clerk_identifier_rules.OPS,
    *clerk_instance.OPS,
)
"""Every operation of the Backend API that is offered."""


def description() -> dict[str, Any]:
    """Return the OpenAPI document of what is offered."""
    title = "Consignease Backend API"
    return openapi.document(OPS, title=title, version=__version__, errors=Errors)
