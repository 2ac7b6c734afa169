"""API keys in the webhook API: made, listed, revoked. Our own addition to it."""

import os
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Handler, Op, Reply
from consignease.api.svix_calls import shown_time
from consignease.app import api_keys as app
from consignease.app.admins import Entry
from consignease.app.api_keys import ApiKey, NewKey
from consignease.domain import access
from consignease.domain.access import Need
from consignease.domain.keys import api_key
from consignease.wire.ids import new_id

MAX_SECONDS = 10 * 366 * 24 * 3600
"""Longest life of a key that ends."""


class KeyIn(Struct, kw_only=True, rename="camel"):
    """An API key to be; without `expiresIn` (seconds) it lives until it is revoked."""

    name: str
    scopes: list[str]
    expires_in: Annotated[int, Meta(ge=60, le=MAX_SECONDS)] | None = None


class KeyOut(Struct, kw_only=True, rename="camel"):
    """What is known of an API key. Uses are noted every ten seconds."""

    id: str
    name: str
    scopes: list[str]
    last4: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class FreshKey(KeyOut, kw_only=True, rename="camel"):
    """A key that was just made: the only time that it is shown."""

    key: str


class KeyList(Struct):
    """Every API key of an instance, oldest first."""

    data: list[KeyOut]


def _members(one: ApiKey) -> dict[str, Any]:
    def shown(at: int | None) -> str | None:
        return None if at is None else shown_time(at)

    return {
        "id": one.id,
        "name": one.name,
        "scopes": one.scopes,
        "last4": one.last4,
        "created_at": shown_time(one.created_at),
        "expires_at": shown(one.expires_at),
        "last_used_at": shown(one.last_used_at),
        "revoked_at": shown(one.revoked_at),
    }


def _entry(call: Call[Any, Any], action: str, target: str, detail: str = "") -> Entry:
    instance, now = call.instance.name, call.services.now()
    return Entry(call.caller.name, "", action, target, detail, instance, now)


async def list_keys(call: Call[None, None]) -> bytes:
    """Return every API key of the instance."""
    found = await call.services.store.read(app.every, call.instance)
    return msgspec.json.encode(KeyList([KeyOut(**_members(one)) for one in found]))


async def create_key(call: Call[None, KeyIn]) -> bytes:
    """Make an API key and show it once.

    It is not kept with an idempotency key: that would be a place to find it.
    """
    body, now = call.body, call.services.now()
    new = NewKey(
        id=new_id("key"),
        key=api_key(os.urandom(27)),
        name=access.check_name(body.name),
        scopes=access.check_scopes(body.scopes),
        expires_at=None if body.expires_in is None else now + body.expires_in * 1000,
    )
    entry = _entry(call, "api_key.create", new.id, f"{new.name}: {', '.join(sorted(new.scopes))}")
    made = await call.services.store.write(app.create, call.instance, new, entry)
    return msgspec.json.encode(FreshKey(key=new.key, **_members(made)))


def _revoke(forget: Callable[[], None]) -> Handler:
    async def handler(call: Call[None, None]) -> Reply:
        name = call.path["key_id"]
        entry = _entry(call, "api_key.revoke", name)
        await call.services.store.write(app.revoke, call.instance, name, entry)
        forget()
        return Reply(204)

    return handler


def key_ops(forget: Callable[[], None]) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        forget: Called when a key was revoked.
    """
    op = partial(Op, refuses=(403, 404, 422), tag="API keys", needs=Need.ADMIN)
    return (
        op(
            method="GET",
            path="/api/v1/api-key",
            name="v1.api-key.list",
            summary="List API keys.",
            handler=list_keys,
            returns=KeyList,
        ),
        op(
            method="POST",
            path="/api/v1/api-key",
            name="v1.api-key.create",
            summary="Make an API key.",
            handler=create_key,
            body=KeyIn,
            returns=FreshKey,
            status=201,
        ),
        op(
            method="DELETE",
            path="/api/v1/api-key/{key_id}",
            name="v1.api-key.revoke",
            summary="Revoke an API key.",
            handler=_revoke(forget),
            status=204,
        ),
    )
