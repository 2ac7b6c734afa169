"""Endpoints: create, list, change, delete, and their signing secrets."""

from functools import partial
from typing import Any

import msgspec

from consignease.app import operations
from consignease.domain.endpoints import Endpoint, EndpointPage
from consignease.domain.faults import Conflict, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.store import deliveries, endpoints
from consignease.store.tx import Tx

MAX_OLD_SECRETS = 10
"""How many replaced secrets of one endpoint may be alive at once."""

SKIPPED_AT_ONCE = 2_000
"""How many deliveries one unit of work cancels."""


def _read(row: Any) -> Endpoint:
    def decoded(name: str) -> Any:
        return None if row[name] is None else msgspec.json.decode(row[name])

    return Endpoint(
        id=row["id"],
        uid=row["uid"],
        url=row["url"],
        description=row["description"],
        version=row["version"],
        event_types=decoded("event_types"),
        channels=decoded("channels"),
        headers=decoded("headers"),
        metadata=decoded("metadata"),
        ordering=row["ordering"],
        rate_limit=row["rate_limit"],
        retry_schedule=decoded("retry_schedule"),
        timeout=None if row["timeout_ms"] is None else row["timeout_ms"] / 1000,
        max_concurrency=row["max_concurrency"],
        max_backlog_bytes=row["max_backlog_bytes"],
        paused=bool(row["paused"]),
        disabled=bool(row["disabled"]),
        disabled_reason=row["disabled_reason"],
        v1a=bool(row["v1a"]),
        dropped=row["dropped"],
        credentials=decoded("credentials"),
        sealed=row["credentials_sealed"],
        paused_until=row["paused_until"],
        first_failure_at=row["first_failure_at"],
        last_success_at=row["last_success_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def columns(endpoint: Endpoint) -> dict[str, object]:
    """Return an endpoint as its row keeps it."""

    def encoded(value: object) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    return {
        "id": endpoint.id,
        "uid": endpoint.uid,
        "url": endpoint.url,
        "description": endpoint.description,
        "version": endpoint.version,
        "event_types": encoded(endpoint.event_types),
        "channels": encoded(endpoint.channels),
        "headers": encoded(endpoint.headers),
        "metadata": encoded(endpoint.metadata),
        "ordering": endpoint.ordering,
        "rate_limit": endpoint.rate_limit,
        "disabled": int(endpoint.disabled),
        "disabled_reason": endpoint.disabled_reason,
        "v1a": int(endpoint.v1a),
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


def _treatment(endpoint: Endpoint, no: int) -> dict[str, object]:
    def encoded(value: object) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    return {
        "no": no,
        "retry_schedule": encoded(endpoint.retry_schedule),
        "timeout_ms": None if endpoint.timeout is None else round(endpoint.timeout * 1000),
        "max_concurrency": endpoint.max_concurrency,
        "max_backlog_bytes": endpoint.max_backlog_bytes,
        "paused": int(endpoint.paused),
        "credentials": encoded(endpoint.credentials),
        "credentials_sealed": endpoint.sealed,
    }


_TREATMENT = (
    *("retry_schedule", "timeout", "max_concurrency", "max_backlog_bytes", "paused"),
    *("credentials", "sealed"),
)


def _treated(endpoint: Endpoint) -> list[object]:
    return [getattr(endpoint, name) for name in _TREATMENT]


def _row(tx: Tx, instance: Instance, name: str) -> Any:
    row = endpoints.find(tx, instance.app, name)
    if row is None:
        msg = f"There is no endpoint {name}."
        raise NotFound(msg, code="not_found")
    return row


def create(
    tx: Tx,
    instance: Instance,
    endpoint: Endpoint,
    sealed: bytes,
    now: int,
    pair: bytes | None = None,
) -> Endpoint:
    """Add an endpoint with its first signing secret, and, for v1a, a sealed `pair` beside it.

    Raises:
        Conflict: its uid is taken.
    """
    if endpoint.uid is not None:
        _refuse_taken(tx, instance, endpoint.uid, None)
    row = endpoints.insert(tx, {"app": instance.app, **columns(endpoint)})
    if pair is not None:
        endpoints.add_secret(tx, row["no"], pair, now, beside=True)
    endpoints.add_secret(tx, row["no"], sealed, now)
    made = _read(row)
    if _treated(endpoint) != _treated(made):
        made = _read(endpoints.treat(tx, _treatment(endpoint, row["no"])))
    operations.of_endpoint(tx, instance.app, "endpoint.created", row, now)
    return made


def _refuse_taken(tx: Tx, instance: Instance, uid: str, no: int | None) -> None:
    other = endpoints.find(tx, instance.app, uid)
    if other is not None and other["no"] != no:
        msg = f"Another endpoint has the uid {uid}."
        raise Conflict(msg, code="conflict", param="uid")


def get(tx: Tx, instance: Instance, name: str) -> Endpoint:
    """Return the endpoint with that id or uid.

    Raises:
        NotFound: there is none.
    """
    return _read(_row(tx, instance, name))


def page(
    tx: Tx, instance: Instance, iterator: str | None, limit: int, *ascending: bool
) -> EndpointPage:
    """Return one page of endpoints, newest first unless `ascending`.

    Args:
        tx: The transaction.
        instance: Whose endpoints.
        iterator: The last id of the page before; one with a leading ``-``
            asks for the page before that id.
        limit: How many at most.
        *ascending: One flag: oldest first.
    """
    forward = ascending[0] if ascending else False
    backward = iterator is not None and iterator.startswith("-")
    after = iterator.removeprefix("-") if iterator else None
    rows = endpoints.page(tx, instance.app, after, limit + 1, ascending=forward is not backward)
    done = len(rows) <= limit
    items = [_read(row) for row in rows[:limit]]
    if backward:
        items.reverse()
    return EndpointPage(items=items, done=done)


def change(
    tx: Tx,
    instance: Instance,
    name: str,
    changes: dict[str, Any],
    now: int,
    pair: bytes | None = None,
) -> Endpoint:
    """Apply changes to an endpoint; changes that change nothing leave it as it is.

    Where v1a is switched on, a sealed `pair` for it comes along.

    Raises:
        NotFound: there is none.
        Conflict: the new uid is taken.
    """
    row = _row(tx, instance, name)
    before = _read(row)
    after = msgspec.structs.replace(before, **changes)
    if after == before:
        return before
    if after.uid is not None and after.uid != before.uid:
        _refuse_taken(tx, instance, after.uid, row["no"])
    resumed = before.disabled and not after.disabled
    if resumed:
        after = msgspec.structs.replace(
            after, disabled_reason=None, paused_until=None, first_failure_at=None
        )
    after = msgspec.structs.replace(after, updated_at=now)
    if _treated(after) != _treated(before):
        endpoints.treat(tx, _treatment(after, row["no"]))
    values = {
        **columns(after),
        "no": row["no"],
        "paused_until": after.paused_until,
        "first_failure_at": after.first_failure_at,
    }
    row = endpoints.update(tx, instance.app, values)
    if before.v1a and not after.v1a:
        endpoints.expire_secrets(tx, row["no"], now, beside=True)
    if pair is not None and after.v1a and not before.v1a:
        endpoints.add_secret(tx, row["no"], pair, now, beside=True)
    _tell(tx, instance, row, before, now)
    _changed(tx, row["no"])
    return _read(row)


def _tell(tx: Tx, instance: Instance, row: Any, before: Endpoint, now: int) -> None:
    operations.of_endpoint(tx, instance.app, "endpoint.updated", row, now)
    if row["disabled"] and not before.disabled:
        more = {"failSince": None, "trigger": "manual"}
        operations.of_endpoint(tx, instance.app, "endpoint.disabled", row, now, **more)
    elif before.disabled and not row["disabled"]:
        operations.of_endpoint(tx, instance.app, "endpoint.enabled", row, now)


def skip(tx: Tx, instance: Instance, name: str) -> int:
    """Cancel a part of what waits for an endpoint; it can be sent again by hand.

    Returns:
        How many deliveries there were; 0 when nothing waits any more.

    Raises:
        NotFound: there is no such endpoint.
    """
    return deliveries.cancel_some(tx, _row(tx, instance, name)["no"], SKIPPED_AT_ONCE)


def delete(tx: Tx, instance: Instance, name: str, now: int) -> None:
    """Delete an endpoint; what was not sent to it yet is canceled.

    Raises:
        NotFound: there is none.
    """
    row = _row(tx, instance, name)
    no = row["no"]
    operations.of_endpoint(tx, instance.app, "endpoint.deleted", row, now)
    endpoints.delete(tx, instance.app, no, now)
    deliveries.cancel_all(tx, no)
    _changed(tx, no)


def secret(tx: Tx, instance: Instance, name: str, now: int) -> tuple[str, bytes]:
    """Return the endpoint's id and its newest signing secret, sealed.

    Raises:
        NotFound: there is no such endpoint.
    """
    found, keys = signing_keys(tx, instance, name, now)
    return found, next(sealed for sealed, beside in keys if not beside)


def signing_keys(
    tx: Tx, instance: Instance, name: str, now: int
) -> tuple[str, list[tuple[bytes, bool]]]:
    """Return the endpoint's id and its live keys: secrets, then pairs, each newest first.

    Each is sealed, and either its secret or a pair beside that.

    Raises:
        NotFound: there is no such endpoint.
    """
    row = _row(tx, instance, name)
    return row["id"], _keys(tx, row["no"], now)


def published_keys(tx: Tx, id: str, now: int) -> list[tuple[bytes, bool]] | None:  # noqa: A002
    """Return the live keys of the endpoint with that id, in whichever application it is."""
    row = endpoints.by_id(tx, id)
    return None if row is None else _keys(tx, row["no"], now)


def _keys(tx: Tx, no: int, now: int) -> list[tuple[bytes, bool]]:
    return [(row["sealed"], bool(row["beside"])) for row in endpoints.secrets(tx, no, now)]


def identify(tx: Tx, instance: Instance, name: str) -> str:
    """Return the id of the endpoint with that id or uid.

    Raises:
        NotFound: there is none.
    """
    return _row(tx, instance, name)["id"]


def number(tx: Tx, instance: Instance, name: str) -> int:
    """Return the number inside the database of the endpoint with that id or uid.

    Raises:
        NotFound: there is none.
    """
    return _row(tx, instance, name)["no"]


def rotate(
    tx: Tx,
    instance: Instance,
    name: str,
    sealed: bytes,
    grace_ms: int,
    now: int,
    pair: bytes | None = None,
) -> None:
    """Give an endpoint a new signing secret; the present ones end after a grace period.

    Where an Ed25519 pair signs beside it, that is replaced by `pair` likewise.

    Raises:
        NotFound: there is no such endpoint.
        Invalid: too many replaced secrets are still alive.
    """
    row = _row(tx, instance, name)
    no = row["no"]
    if sum(not beside for _, beside in _keys(tx, no, now)) > MAX_OLD_SECRETS:
        msg = f"The endpoint has {MAX_OLD_SECRETS} replaced secrets that are still alive."
        raise Invalid(
            msg, code="limit_reached", detail=f"{msg} Wait until one ends, or rotate without grace."
        )
    if row["v1a"] and pair is not None:
        endpoints.expire_secrets(tx, no, now + grace_ms, beside=True)
        endpoints.add_secret(tx, no, pair, now, beside=True)
    endpoints.expire_secrets(tx, no, now + grace_ms)
    endpoints.add_secret(tx, no, sealed, now)
    operations.of_endpoint(tx, instance.app, "endpoint.updated", row, now)
    _changed(tx, no)


def _changed(tx: Tx, no: int) -> None:
    tx.on_commit(partial(tx.hand.changed, no))
