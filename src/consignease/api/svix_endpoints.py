"""Endpoints in the webhook API."""

from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET

from consignease.api.key_sets import KeySet, key_set
from consignease.api.ops import Call, Op, Reply
from consignease.api.svix_calls import idempotent, owned, replied
from consignease.api.svix_shapes import (
    EndpointIn,
    EndpointList,
    EndpointOut,
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
from consignease.domain.access import Need
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.instances import Instance
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


def _encode(endpoint: Endpoint) -> bytes:
    return msgspec.json.encode(endpoint_out(endpoint))


def _channels(channels: list[str] | None) -> list[str] | None:
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


class _Endpoints:
    """The handlers, with what they need to judge URLs and keep secrets."""

    def __init__(self, vault: Vault, guards: dict[str, Policy]) -> None:
        self._vault = vault
        self._guards = guards

    def _url(self, instance: Instance, url: str) -> str:
        try:
            check_url(url)
            verdict = verdict_for_url(url, self._guards[instance.name])
        except BadUrlError as error:
            msg = f"The URL cannot be used: {error}."
            raise Invalid(msg, param="url") from None
        if not verdict.ok:
            msg = f"The URL cannot be used: its address is {verdict.reason}."
            raise Invalid(msg, param="url")
        return url

    async def list(self, call: Call[ListQuery, None]) -> bytes:
        """Return a page of endpoints, newest first."""
        query = call.query
        if query.order not in {"ascending", "descending"}:
            msg = "order is ascending or descending."
            raise Invalid(msg, param="order")
        page = await call.services.store.read(
            app.page, await owned(call), query.iterator, query.limit, query.order == "ascending"
        )
        items = [endpoint_out(item) for item in page.items]
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
        instance, body, now = await owned(call), call.body, call.services.now()
        types = await call.services.store.read(event_types.names, instance)
        endpoint = Endpoint(
            id=new_id("ep"),
            uid=_uid(body.uid),
            url=self._url(instance, body.url),
            description=rules.check_description(body.description),
            version=body.version,
            event_types=rules.check_event_types(body.event_types or body.filter_types, types),
            channels=_channels(body.channels),
            headers=rules.check_headers(body.headers),
            metadata=rules.check_metadata(body.metadata),
            ordering=rules.check_ordering(body.ordering),
            rate_limit=body.throttle_rate or body.rate_limit,
            disabled=body.disabled,
            v1a=body.v1a,
            created_at=now,
            updated_at=now,
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
        found = await call.services.store.read(app.get, await owned(call), call.path["endpoint_id"])
        return _encode(found)

    async def patch(self, call: Call[None, EndpointPatch]) -> bytes:
        """Change an endpoint."""
        instance = await owned(call)
        types = await call.services.store.read(event_types.names, instance)
        changes = self._changes(instance, call.body, types)
        name, pair = call.path["endpoint_id"], None
        if changes.get("v1a"):
            name = await call.services.store.read(app.identify, instance, name)
            pair = self._pair(name)
        changed = await call.services.store.write(
            app.change, instance, name, changes, call.services.now(), pair
        )
        return _encode(changed)

    async def put(self, call: Call[None, EndpointIn]) -> Reply:
        """Change an endpoint as a whole, or add it under that uid; its secret stays."""
        instance, body, name = await owned(call), call.body, call.path["endpoint_id"]
        try:
            await call.services.store.read(app.identify, instance, name)
        except NotFound:
            body = msgspec.structs.replace(body, uid=body.uid or name)
            return await self.create(msgspec.structs.replace(call, body=body))
        given = {
            field: getattr(body, field)
            for field in EndpointPatch.__struct_fields__
            if field not in {"filter_types", "throttle_rate"}
        }
        given["event_types"] = body.event_types or body.filter_types
        given["rate_limit"] = body.throttle_rate or body.rate_limit
        patch: Call[None, Any] = msgspec.structs.replace(call, body=EndpointPatch(**given))
        return Reply(200, await self.patch(patch))

    def _changes(
        self, instance: Instance, body: EndpointPatch, types: frozenset[str]
    ) -> dict[str, Any]:
        given = {
            name: value
            for name in body.__struct_fields__
            if (value := getattr(body, name)) is not UNSET
        }
        for old, name in (("filter_types", "event_types"), ("throttle_rate", "rate_limit")):
            if old in given:
                given.setdefault(name, given.pop(old))
                given.pop(old, None)
        checks: dict[str, Any] = {
            "url": partial(self._url, instance),
            "description": rules.check_description,
            "uid": _uid,
            "event_types": partial(rules.check_event_types, known=types),
            "channels": _channels,
            "headers": rules.check_headers,
            "metadata": rules.check_metadata,
            "ordering": rules.check_ordering,
        }
        return {
            name: checks[name](value) if name in checks else value for name, value in given.items()
        }

    async def delete(self, call: One) -> Reply:
        """Delete an endpoint; what was not sent to it yet is canceled."""
        await call.services.store.write(
            app.delete, await owned(call), call.path["endpoint_id"], call.services.now()
        )
        return Reply(204)

    async def secret(self, call: Call[None, Any]) -> bytes:
        """Return an endpoint's signing secret."""
        name, keys = await call.services.store.read(
            app.signing_keys, await owned(call), call.path["endpoint_id"], call.services.now()
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
        instance, services = await owned(call), call.services
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


def endpoint_ops(vault: Vault, guards: dict[str, Policy]) -> tuple[Op, ...]:
    """Return the operations on endpoints."""
    handle = _Endpoints(vault, guards)
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


def _ops_on_one(op: "partial[Op]", handle: _Endpoints, path: str) -> tuple[Op, ...]:
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


def _ops_on_keys(op: "partial[Op]", handle: _Endpoints, path: str) -> tuple[Op, ...]:
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
