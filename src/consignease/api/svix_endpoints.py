"""Endpoints in the webhook API."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET

from consignease.api.key_sets import key_set
from consignease.api.ops import Call, Reply
from consignease.api.svix_calls import idempotent, owned, replied
from consignease.api.svix_credentials import FIELDS as CREDENTIALS
from consignease.api.svix_credentials import changes as credential_changes
from consignease.api.svix_shapes import (
    EndpointIn,
    EndpointList,
    EndpointPatch,
    ListQuery,
    RotateIn,
    SecretOut,
    endpoint_out,
)
from consignease.app import endpoints as app
from consignease.app import event_types
from consignease.app.idempotency import once
from consignease.domain import endpoints as rules
from consignease.domain.access import Caller
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Forbidden, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.edge.credentials import split_userinfo
from consignease.edge.guard import Policy, verdict_for_url
from consignease.edge.target import BadUrlError, check_url
from consignease.edge.vault import Vault
from consignease.store.tx import Tx
from consignease.wire.ed25519 import (
    PRIVATE_PREFIX,
    PUBLIC_PREFIX,
    generate_pair,
    parse_pair,
    readable,
)
from consignease.wire.ids import new_id
from consignease.wire.signing import SecretError, check_new_secret, generate_secret

_TAG = "Endpoints"


One: TypeAlias = Call[None, None]


_NOT_COPIED = {"filter_types", "throttle_rate", "backlog"}
"""Members of a change that an endpoint put whole does not have, or has under another name."""


def _encode(endpoint: Endpoint, now: int = 2**62) -> bytes:
    return msgspec.json.encode(endpoint_out(endpoint, now))


def checked_channels(channels: list[str] | None) -> list[str] | None:
    """Check the channels of an endpoint; none means every message."""
    if not channels:
        return None
    if len(channels) > 10:
        msg = "An endpoint has at most 10 channels."
        raise Invalid(msg, param="channels")
    for channel in channels:
        rules.check_name(channel, "channels")
    return sorted(set(channels))


def _uid(uid: str | None) -> str | None:
    return None if uid is None else rules.check_name(uid, "uid", prefix="ep_")


class _Keys(NamedTuple):
    """What signs an endpoint's deliveries, sealed: its secret, and perhaps a pair beside it."""

    secret: bytes
    pair: bytes | None = None


def _create(endpoint: Endpoint, instance: Instance, keys: _Keys, tx: Tx) -> tuple[int, bytes]:
    now = endpoint.created_at
    return 201, _encode(app.create(tx, instance, endpoint, keys.secret, now, keys.pair))


def _rotate(
    instance: Instance, name: str, keys: _Keys, grace_ms: int, now: int, tx: Tx
) -> tuple[int, bytes]:
    app.rotate(tx, instance, name, keys.secret, grace_ms, now, keys.pair)
    return 200, b""


Owner: TypeAlias = Callable[[Call[Any, Any]], Awaitable[Instance]]
"""Finds the application that a call is about: the instance, as that application sees it."""

Types: TypeAlias = Callable[[Call[Any, Any], Instance], Awaitable[frozenset[str]]]
"""Finds the event types that an endpoint may ask for."""


async def _types(call: Call[Any, Any], instance: Instance) -> frozenset[str]:
    return await call.services.store.read(event_types.names, instance, call.caller.portal)


class Endpoints:
    """The handlers, with what they need to judge URLs and keep secrets.

    Args:
        vault: Seals and opens secrets.
        guards: The address policy for each instance name.
        owned: Whose endpoints.
        types: Which events they may ask for.
    """

    def __init__(
        self,
        vault: Vault,
        guards: dict[str, Policy],
        owned: Owner = owned,
        types: Types = _types,
    ) -> None:
        self._vault = vault
        self._guards = guards
        self._owned = owned
        self._types = types

    def _url(self, instance: Instance, url: str) -> tuple[str, tuple[str, str] | None]:
        try:
            url, userinfo = split_userinfo(url)
            check_url(url)
            verdict = verdict_for_url(url, self._guards[instance.name])
        except BadUrlError as error:
            msg = f"The URL cannot be used: {error}."
            raise Invalid(msg, param="url") from None
        if not verdict.ok:
            msg = f"The URL cannot be used: its address is {verdict.reason}."
            raise Invalid(msg, param="url")
        return url, userinfo

    async def list(self, call: Call[ListQuery, None]) -> bytes:
        """Return a page of endpoints, newest first."""
        query = call.query
        if query.order not in {"ascending", "descending"}:
            msg = "order is ascending or descending."
            raise Invalid(msg, param="order")
        page = await call.services.store.read(
            app.page,
            await self._owned(call),
            query.iterator,
            query.limit,
            query.order == "ascending",
        )
        now = call.services.now()
        items = [endpoint_out(item, now) for item in page.items]
        return msgspec.json.encode(
            EndpointList(
                data=items,
                done=page.done,
                iterator=items[-1].id if items else None,
                prev_iterator=f"-{items[0].id}" if items else None,
            )
        )

    async def create(self, call: Call[None, EndpointIn]) -> Reply:
        """Add an endpoint."""
        instance, body, now = await self._owned(call), call.body, call.services.now()
        types = await self._types(call, instance)
        _refuse_backlog(call.caller, body.max_backlog_bytes, None)
        endpoint_id, (url, userinfo) = new_id("ep"), self._url(instance, body.url)
        endpoint = Endpoint(
            id=endpoint_id,
            uid=_uid(body.uid),
            url=url,
            description=rules.check_description(body.description),
            version=body.version,
            event_types=rules.check_event_types(body.event_types or body.filter_types, types),
            channels=checked_channels(body.channels),
            headers=rules.check_headers(body.headers),
            metadata=rules.check_metadata(body.metadata),
            ordering=rules.check_ordering(body.ordering),
            rate_limit=body.throttle_rate or body.rate_limit,
            disabled=body.disabled,
            v1a=body.v1a,
            created_at=now,
            updated_at=now,
            **_treatment(body),
            **credential_changes(self._vault, endpoint_id, None, body, userinfo),
        )
        pair = self._pair(endpoint.id) if body.v1a else None
        keys = _Keys(self._seal(body.secret, endpoint.id, "secret"), pair)
        effect = partial(_create, endpoint, instance, keys)
        key, request = idempotent(call, "create endpoint", body)
        return replied(
            await call.services.store.write(once, instance.no, key, request, now, effect)
        )

    async def get(self, call: One) -> bytes:
        """Return an endpoint."""
        instance, name = await self._owned(call), call.path["endpoint_id"]
        return _encode(await call.services.store.read(app.get, instance, name), call.services.now())

    async def patch(self, call: Call[None, EndpointPatch]) -> bytes:
        """Change an endpoint."""
        instance = await self._owned(call)
        types = await self._types(call, instance)
        name, services, body = call.path["endpoint_id"], call.services, call.body
        before = await services.store.read(app.get, instance, name)
        _refuse_backlog(call.caller, body.max_backlog_bytes, before.max_backlog_bytes)
        changes, userinfo = self._changes(instance, body, types)
        changes |= credential_changes(self._vault, before.id, before.sealed, body, userinfo)
        pair = self._pair(before.id) if changes.get("v1a") else None
        if body.backlog == "skip":
            while await services.store.write(app.skip, instance, name):
                pass
        now = services.now()
        changed = await services.store.write(app.change, instance, name, changes, now, pair)
        return _encode(changed, now)

    async def put(self, call: Call[None, EndpointIn]) -> Reply:
        """Change an endpoint as a whole, or add it under that uid; its secret stays."""
        instance, body, name = await self._owned(call), call.body, call.path["endpoint_id"]
        try:
            await call.services.store.read(app.identify, instance, name)
        except NotFound:
            body = msgspec.structs.replace(body, uid=body.uid or name)
            return await self.create(msgspec.structs.replace(call, body=body))
        given = {
            field: getattr(body, field)
            for field in EndpointPatch.__struct_fields__
            if field not in _NOT_COPIED
        }
        given["event_types"] = body.event_types or body.filter_types
        given["rate_limit"] = body.throttle_rate or body.rate_limit
        patch: Call[None, Any] = msgspec.structs.replace(call, body=EndpointPatch(**given))
        return Reply(200, await self.patch(patch))

    def _changes(
        self, instance: Instance, body: EndpointPatch, types: frozenset[str]
    ) -> tuple[dict[str, Any], tuple[str, str] | None]:
        given = {
            name: value
            for name in body.__struct_fields__
            if name not in (*CREDENTIALS, "backlog") and (value := getattr(body, name)) is not UNSET
        }
        for old, name in (("filter_types", "event_types"), ("throttle_rate", "rate_limit")):
            if old in given:
                given.setdefault(name, given.pop(old))
                given.pop(old, None)
        checks: dict[str, Any] = {
            **_TREATMENT,
            "description": rules.check_description,
            "uid": _uid,
            "event_types": partial(rules.check_event_types, known=types),
            "channels": checked_channels,
            "headers": rules.check_headers,
            "metadata": rules.check_metadata,
            "ordering": rules.check_ordering,
        }
        userinfo = None
        if "url" in given:
            given["url"], userinfo = self._url(instance, given["url"])
        found = {
            name: checks[name](value) if name in checks else value for name, value in given.items()
        }
        return found, userinfo

    async def delete(self, call: One) -> Reply:
        """Delete an endpoint; what was not sent to it yet is canceled."""
        await call.services.store.write(
            app.delete, await self._owned(call), call.path["endpoint_id"], call.services.now()
        )
        return Reply(204)

    async def secret(self, call: Call[None, Any]) -> bytes:
        """Return an endpoint's signing secret."""
        name, keys = await call.services.store.read(
            app.signing_keys, await self._owned(call), call.path["endpoint_id"], call.services.now()
        )
        opened = {beside: sealed for sealed, beside in reversed(keys)}
        secret, pair = (
            None if sealed is None else readable(self._vault.open(sealed, name).decode())
            for sealed in (opened.get(False), opened.get(True))
        )
        assert secret is not None
        if pair is None and secret.startswith(PUBLIC_PREFIX):
            pair = secret
        return msgspec.json.encode(SecretOut(secret, UNSET if pair is None else pair))

    async def jwks(self, call: One) -> bytes:
        """Return the public keys that an endpoint's v1a signatures verify with."""
        name, keys = await call.services.store.read(
            app.signing_keys, await owned(call), call.path["endpoint_id"], call.services.now()
        )
        return key_set(self._vault, name, [sealed for sealed, _ in keys])

    async def rotate(self, call: Call[None, RotateIn]) -> Reply:
        """Give an endpoint a new signing secret; the present one lives on for a while.

        Clients of one generation read the new secret from the answer, those of
        the other ignore it. It is not kept with the idempotency key.
        """
        instance, services = await self._owned(call), call.services
        name = await services.store.read(app.identify, instance, call.path["endpoint_id"])
        keys = _Keys(self._seal(call.body.key, name, "key"), self._pair(name))
        grace_ms = call.body.grace_period_seconds * 1000
        now = services.now()
        effect = partial(_rotate, instance, name, keys, grace_ms, now)
        key, request = idempotent(call, "rotate secret", call.body)
        done = await services.store.write(once, instance.no, key, request, now, effect)
        return replied(msgspec.structs.replace(done, body=await self.secret(call)))

    def _seal(self, secret: str | None, belongs_to: str, param: str) -> bytes:
        if secret is None:
            secret = generate_secret()
        try:
            if secret.startswith(PRIVATE_PREFIX):
                parse_pair(secret)
            else:
                check_new_secret(secret)
        except SecretError as error:
            raise Invalid(str(error), param=param) from None
        return self._vault.seal(secret.strip().encode(), belongs_to)

    def _pair(self, belongs_to: str) -> bytes:
        return self._vault.seal(generate_pair().encode(), belongs_to)


_TREATMENT: dict[str, Any] = {
    "retry_schedule": rules.check_retry_schedule,
    "timeout": rules.check_timeout,
    "max_concurrency": rules.check_concurrency,
    "max_backlog_bytes": rules.check_backlog_bytes,
}


def _refuse_backlog(
    caller: Caller, wanted: int | None | msgspec.UnsetType, before: int | None
) -> None:
    """Let nobody who holds a portal token say how much the server keeps for an endpoint."""
    if caller.portal is not None and wanted is not UNSET and wanted != before:
        msg = "A portal token cannot say how much may wait for an endpoint."
        raise Forbidden(msg, param="maxBacklogBytes")


def _treatment(body: EndpointIn) -> dict[str, Any]:
    given: dict[str, Any] = {} if body.paused is UNSET else {"paused": body.paused}
    for name, check in _TREATMENT.items():
        if (value := getattr(body, name)) is not UNSET:
            given[name] = check(value)
    return given
