"""What the tries of an endpoint say about it: since when it fails, and that it was disabled."""

from typing import Any

from consignease.store.endpoints import touch
from consignease.store.tx import Tx

_HEALTH = """
SELECT e.id, e.uid, e.url, e.disabled, e.first_failure_at, e.last_failure_at
FROM endpoint e WHERE e.no = ?
"""
_FAILED = """
UPDATE endpoint SET first_failure_at = ?, last_failure_at = ? WHERE no = ?
"""
_NEWEST = "SELECT status, phase FROM attempt WHERE endpoint = ? ORDER BY at DESC LIMIT 50"
_DISABLE = """
UPDATE endpoint SET disabled = 1, disabled_reason = ?, updated_at = ?, notice = 1 WHERE no = ?
"""
_TO_TELL = """
SELECT e.no, e.id, e.url, e.disabled_reason, e.first_failure_at, i.name AS instance,
       a.id AS app_id, a.uid IS NOT NULL AND a.uid = i.id AS built_in
FROM endpoint e JOIN application a ON a.no = e.app JOIN instance i ON i.no = a.instance
WHERE e.notice = 1 AND e.deleted_at IS NULL ORDER BY e.no LIMIT 20
"""
_TOLD = "UPDATE endpoint SET notice = 0 WHERE no = ? AND notice = 1"


def get(tx: Tx, no: int) -> Any:
    """Return what is known of an endpoint's failures."""
    return tx.one(_HEALTH, (no,))


def failed(tx: Tx, no: int, first: int, last: int) -> None:
    """Note the first failure since the last success, and the last one."""
    tx.execute(_FAILED, (first, last, no))


def worked_lately(tx: Tx, no: int) -> bool:
    """Tell whether one of the last 50 attempts succeeded, whichever process made it."""
    return any(row[1] is None and 200 <= row[0] < 300 for row in tx.all(_NEWEST, (no,)))


def disable(tx: Tx, no: int, app: int, reason: str, now: int) -> None:
    """Disable an endpoint, say why, and note that people have to be told."""
    touch(tx, app)
    tx.execute(_DISABLE, (reason, now, no))


def to_tell(tx: Tx) -> list[dict[str, Any]]:
    """Return some endpoints that were disabled and of which nobody was told yet."""
    return [dict(row) for row in tx.all(_TO_TELL)]


def told(tx: Tx, no: int) -> bool:
    """Take it on to tell of an endpoint; False if another process has."""
    return tx.run(_TOLD, (no,)) > 0
