"""Endpoints, their signing secrets, and which of them an event goes to."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from consignease.domain.delivery import Policy
from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_SUBSCRIBED = """
SELECT no, event_types, channels, ordering FROM endpoint WHERE app = ? AND deleted_at IS NULL ORDER BY no
"""
_SUBSCRIBED_MANY = OfRows(
    """
WITH asked (app) AS (VALUES {rows})
SELECT e.app, e.no, e.event_types, e.channels, e.ordering
FROM asked JOIN endpoint e ON e.app = asked.app WHERE e.deleted_at IS NULL ORDER BY e.no
""",
    "(?)",
    "bigint",
)
_INSERT = """
INSERT INTO endpoint (app, id, uid, url, description, version, event_types, channels, headers,
                      metadata, ordering, rate_limit, disabled, v1a, created_at, updated_at)
VALUES (:app, :id, :uid, :url, :description, :version, :event_types, :channels, :headers,
        :metadata, :ordering, :rate_limit, :disabled, :v1a, :created_at, :updated_at)
RETURNING *
"""
_TREAT = """
UPDATE endpoint SET retry_schedule = :retry_schedule, timeout_ms = :timeout_ms,
  max_concurrency = :max_concurrency, max_backlog_bytes = :max_backlog_bytes, paused = :paused, credentials = :credentials,
  credentials_sealed = :credentials_sealed
WHERE no = :no RETURNING *
"""
_UPDATE = """
UPDATE endpoint SET uid = :uid, url = :url, description = :description, version = :version,
  event_types = :event_types, channels = :channels, headers = :headers, metadata = :metadata,
  ordering = :ordering, rate_limit = :rate_limit, disabled = :disabled,
  disabled_reason = :disabled_reason, paused_until = :paused_until,
  first_failure_at = :first_failure_at, v1a = :v1a, updated_at = :updated_at
WHERE no = :no RETURNING *
"""
_BY_NAME = """
SELECT * FROM endpoint WHERE app = ? AND (id = ? OR uid = ?) AND deleted_at IS NULL
/* writing: FOR UPDATE */
"""
_BY_NO = """
SELECT e.*, i.name AS instance_name, i.id AS instance_id, a.rate_limit AS app_rate_limit
FROM endpoint e JOIN application a ON a.no = e.app JOIN instance i ON i.no = a.instance
WHERE e.no = ?
"""
_BY_ID = "SELECT no, id FROM endpoint WHERE id = ? AND deleted_at IS NULL"
_PAGE_DOWN = """
SELECT * FROM endpoint WHERE app = ? AND deleted_at IS NULL AND id < ? ORDER BY id DESC LIMIT ?
"""
_PAGE_UP = """
SELECT * FROM endpoint WHERE app = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?
"""
_DELETE = "UPDATE endpoint SET deleted_at = ?, uid = NULL WHERE no = ?"
_ADD_SIGNING = """
INSERT INTO endpoint_secret (endpoint, n, sealed, created_at, expires_at, beside)
VALUES (:endpoint,
        (SELECT coalesce(max(n), 0) + 1 FROM endpoint_secret WHERE endpoint = :endpoint),
        :sealed, :now, NULL, :beside)
"""
_EXPIRE_SECRETS = """
UPDATE endpoint_secret SET expires_at = :expires_at
WHERE endpoint = :endpoint AND beside = :beside
  AND (expires_at IS NULL OR expires_at > :expires_at)
"""
_SECRETS = """
SELECT n, sealed, expires_at, beside FROM endpoint_secret
WHERE endpoint = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY beside, n DESC
"""
_PAUSE = "UPDATE endpoint SET paused_until = ? WHERE no = ?"
_WORKING = "UPDATE endpoint SET first_failure_at = NULL, last_success_at = ? WHERE no = ?"

_POLICIES = {name: Policy(ordering=name) for name in ("bounded", "strict", "none")}


_Matches = tuple[tuple[int, Policy], ...]


def policy(ordering: str) -> Policy:
    """Return how an endpoint with that ordering is to be treated."""
    return _POLICIES[ordering]


def matching(
    tx: Tx, app: int, event_type: str, channels: Sequence[str] = ()
) -> tuple[tuple[int, Policy], ...]:
    """Return the endpoints an event goes to: number and policy.

    The answer is remembered until endpoints change: where one thread writes all for good, and
    elsewhere for the transaction, which began after everything that its units were asked
    after. Disabled endpoints are among them: what they miss waits for them.
    """
    if channels:
        return _match(tx, app, event_type, channels)
    known: dict[str, _Matches] = tx.cache.setdefault(("endpoints", app), {})
    found = known.get(event_type)
    if found is None:
        found = known[event_type] = _match(tx, app, event_type, ())
    return found


def matching_all(
    tx: Tx, wanted: Collection[tuple[int, str]]
) -> dict[tuple[int, str], tuple[tuple[int, Policy], ...]]:
    """Return what `matching` does for many, each an application and an event type."""
    if tx.alone:
        return {one: matching(tx, *one) for one in wanted}
    found: dict[int, list[Any]] = {}
    for row in _SUBSCRIBED_MANY.run(tx, [(app,) for app in sorted({app for app, _ in wanted})]):
        found.setdefault(row["app"], []).append(row)
    return {(app, kind): chosen(found.get(app, ()), kind, ()) for app, kind in wanted}


def _match(
    tx: Tx, app: int, event_type: str, channels: Sequence[str]
) -> tuple[tuple[int, Policy], ...]:
    return chosen(tx.all(_SUBSCRIBED, (app,)), event_type, channels)


def chosen(
    rows: Iterable[Any], event_type: str, channels: Sequence[str]
) -> tuple[tuple[int, Policy], ...]:
    """Return which endpoints of some rows a message goes to: number and policy."""
    return tuple(
        (row["no"], _POLICIES[row["ordering"]])
        for row in rows
        if (row["event_types"] is None or event_type in msgspec.json.decode(row["event_types"]))
        and (
            row["channels"] is None
            or not set(channels).isdisjoint(msgspec.json.decode(row["channels"]))
        )
    )


def touch(tx: Tx, app: int) -> None:
    """Say that the endpoints of an application have changed: what is remembered of them is old."""
    tx.cache.pop(("endpoints", app), None)


def insert(tx: Tx, values: dict[str, object]) -> Any:
    """Add an endpoint and return its row."""
    touch(tx, values["app"])  # type: ignore[arg-type]
    return tx.one(_INSERT, values)


def update(tx: Tx, app: int, values: dict[str, object]) -> Any:
    """Replace the settings of an endpoint and return its row."""
    touch(tx, app)
    return tx.one(_UPDATE, values)


def treat(tx: Tx, values: dict[str, object]) -> Any:
    """Replace how an endpoint is treated and return its row."""
    return tx.one(_TREAT, values)


def find(tx: Tx, app: int, name: str) -> Any:
    """Return the endpoint with that id or uid, or None."""
    return tx.one(_BY_NAME, (app, name, name))


def by_id(tx: Tx, id: str) -> Any:  # noqa: A002 - the column's name
    """Return number and id of the endpoint with that id, whoever's it is; None if there is none."""
    return tx.one(_BY_ID, (id,))


def by_number(tx: Tx, no: int) -> Any:
    """Return an endpoint, deleted or not, with its instance's id and name."""
    return tx.one(_BY_NO, (no,))


def page(tx: Tx, app: int, after: str | None, limit: int, *, ascending: bool) -> list[Any]:
    """Return one page of endpoints in order of their ids."""
    if ascending:
        return tx.all(_PAGE_UP, (app, after or "", limit))
    return tx.all(_PAGE_DOWN, (app, after or "~", limit))


def delete(tx: Tx, app: int, no: int, now: int) -> None:
    """Mark an endpoint deleted; its uid is free again."""
    touch(tx, app)
    tx.execute(_DELETE, (now, no))


def add_secret(tx: Tx, no: int, sealed: bytes, now: int, *, beside: bool = False) -> None:
    """Add a signing secret, newest first from now on; or a pair that signs beside it."""
    values = {"endpoint": no, "sealed": sealed, "now": now, "beside": int(beside)}
    tx.execute(_ADD_SIGNING, values)


def expire_secrets(tx: Tx, no: int, expires_at: int, *, beside: bool = False) -> None:
    """Let the present secrets of an endpoint, or the pairs beside them, end at a time."""
    values = {"endpoint": no, "expires_at": expires_at, "beside": int(beside)}
    tx.execute(_EXPIRE_SECRETS, values)


def secrets(tx: Tx, no: int, now: int) -> list[Any]:
    """Return the live secrets of an endpoint, newest first, then the pairs beside them.

    A verifier that reads the first signature alone finds the same one as before.
    """
    return tx.all(_SECRETS, (no, now))


def pause(tx: Tx, no: int, until: int) -> None:
    """Leave an endpoint alone until a time."""
    tx.execute(_PAUSE, (until, no))


def working(tx: Tx, no: int, now: int) -> None:
    """Note that an endpoint works."""
    tx.execute(_WORKING, (now, no))
