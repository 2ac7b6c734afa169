"""Portal tokens in the webhook API: links by which a customer reaches its own application."""

import os
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.api.errors import UID_MISMATCH
from consignease.api.ops import Call, Op, Reply, bearer
from consignease.api.svix_apps import ApplicationIn
from consignease.app import portal
from consignease.app.applications import Wanted
from consignease.app.portal import NewToken
from consignease.domain import endpoints as rules
from consignease.domain.access import Need, check_capabilities
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.keys import portal_token
from consignease.wire.ids import new_id

HOUR, WEEK = 3600, 7 * 24 * 3600
FLAGS_MAX = 100
"""Most feature flags, and most session ids of one call."""

Name = Annotated[str, Meta(min_length=1, max_length=256)]


class PortalIn(Struct, kw_only=True, rename="camel"):
    """What a portal token is to be for, and for how many seconds."""

    application: ApplicationIn | None = None
    read_only: bool | None = None
    capabilities: list[str] | None = None
    feature_flags: Annotated[list[Name], Meta(max_length=FLAGS_MAX)] | None = None
    expiry: Annotated[int, Meta(ge=HOUR, le=WEEK)] | None = None
    session_id: Name | None = None


class LegacyIn(Struct, kw_only=True, rename="camel"):
    """Body of the older call, which takes none."""


class PortalOut(Struct):
    """A portal token, and the link that opens the portal with it."""

    url: str
    token: str


class ExpireIn(Struct, kw_only=True, rename="camel"):
    """Which tokens end, and in how many seconds."""

    expiry: Annotated[int, Meta(ge=0, le=WEEK)] | None = None
    session_ids: Annotated[list[Name], Meta(max_length=FLAGS_MAX)] | None = None


def portal_url(public_url: str, app_id: str, token: str) -> str:
    """Return the link that opens the portal.

    The token is in the fragment, which browsers keep to themselves: it is in no
    request line, no log and no Referer header.
    """
    return f"{public_url.rstrip('/')}/portal/{app_id}#token={token}"


class _Portal:
    """The handlers, with where the portal is."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    async def access(self, call: Call[None, PortalIn]) -> bytes:
        """Make a portal token; each call makes another one."""
        body, services, now = call.body, call.services, call.services.now()
        new = NewToken(
            token=portal_token(os.urandom(27)),
            capabilities=check_capabilities(body.capabilities, read_only=bool(body.read_only)),
            feature_flags=body.feature_flags or [],
            session_id=body.session_id,
            expires_at=now + (body.expiry or WEEK) * 1000,
        )
        name = call.path["app_id"]
        name = call.instance.app_id if name == call.instance.id else name
        instance, write = call.instance, services.store.write
        try:
            app_id = await write(portal.open_portal, instance, name, new, None, now)
        except NotFound:
            if body.application is None:
                raise
            wanted = new_id("app"), _wanted(body.application, name)
            app_id = await write(portal.open_portal, instance, name, new, wanted, now)
        url = portal_url(self._public_url, app_id, new.token)
        return msgspec.json.encode(PortalOut(url=url, token=new.token))

    async def legacy(self, call: Call[None, Any]) -> bytes:
        """Make a portal token that may do everything, for a week."""
        return await self.access(msgspec.structs.replace(call, body=PortalIn()))


def _wanted(body: ApplicationIn, name: str) -> Wanted:
    """Check an application that is made with the token; its uid is the one in the path."""
    if body.uid is None:
        msg = "An application that is made on the way needs a uid: the one in the path."
        raise Invalid(msg, param="application.uid")
    if body.uid != name:
        msg = f"The application's uid is not {name}, which the path names."
        raise Invalid(msg, code=UID_MISMATCH, param="application.uid")
    return Wanted(
        name=rules.check_description(body.name),
        uid=rules.check_name(body.uid, "application.uid", prefix="app_"),
        metadata=rules.check_metadata(body.metadata),
    )


async def log_out(call: Call[None, None]) -> Reply:
    """End the token that the request carries."""
    await call.services.store.write(portal.log_out, bearer(call.headers) or "")
    return Reply(204)


async def expire_all(call: Call[None, ExpireIn]) -> Reply:
    """End tokens of an application: all of them, or those of some sessions."""
    name, body, services = call.path["app_id"], call.body, call.services
    name = call.instance.app_id if name == call.instance.id else name
    at = services.now() + (body.expiry or 0) * 1000
    await services.store.write(portal.expire_all, call.instance, name, body.session_ids, at)
    return Reply(204)


def portal_ops(public_url: str) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        public_url: Where the portal's page is reached.
    """
    handle = _Portal(public_url)
    op = partial(Op, method="POST", refuses=(403, 404, 422), tag="Authentication")
    return (
        op(
            path="/api/v1/auth/app-portal-access/{app_id}",
            name="v1.authentication.app-portal-access",
            needs=Need.APPLICATIONS,
            summary="Make a link by which a customer reaches its own application.",
            handler=handle.access,
            body=PortalIn,
            returns=PortalOut,
        ),
        op(
            path="/api/v1/auth/dashboard-access/{app_id}",
            name="v1.authentication.dashboard-access",
            needs=Need.APPLICATIONS,
            summary="Make such a link, as older clients ask for it.",
            handler=handle.legacy,
            body=LegacyIn,
            returns=PortalOut,
        ),
        op(
            path="/api/v1/auth/logout",
            name="v1.authentication.logout",
            needs=Need.LEAVE,
            summary="End the portal token that the request carries.",
            handler=log_out,
            status=204,
        ),
        op(
            path="/api/v1/auth/app/{app_id}/expire-all",
            name="v1.authentication.expire-all",
            needs=Need.APPLICATIONS,
            summary="End an application's portal tokens, all or by session.",
            handler=expire_all,
            body=ExpireIn,
            status=204,
        ),
    )
