"""Finding out whether anything was delivered lately, although something should have been."""

from typing import Any

from consignease.store.tx import Tx

# An endpoint that was to get something and did not: all that was tried since before the
# span has failed and something was tried in it, or waits; or something is overdue as long.
_MISSED = """
SELECT a.instance, e.id FROM endpoint e JOIN application a ON a.no = e.app
WHERE e.deleted_at IS NULL AND e.disabled = 0 AND e.paused = 0 AND e.url NOT LIKE 'listen:%'
  AND coalesce(a.uid, '') <> 'app_operational'
  AND ((e.first_failure_at <= :before
        AND (e.last_failure_at > :before
             OR EXISTS (SELECT 1 FROM delivery d WHERE d.endpoint = e.no AND d.state < 2)))
       OR EXISTS (SELECT 1 FROM delivery d
                  WHERE d.endpoint = e.no AND d.state < 2 AND d.due_at <= :before))
ORDER BY a.instance, e.no
"""
_WORKED = """
SELECT 1 FROM endpoint e JOIN application a ON a.no = e.app
WHERE a.instance = :instance AND e.first_failure_at IS NULL
  AND coalesce(a.uid, '') <> 'app_operational'
  AND EXISTS (SELECT 1 FROM attempt t WHERE t.endpoint = e.no AND t.at > :before
              AND t.phase IS NULL AND t.status BETWEEN 200 AND 299)
LIMIT 1
"""
_NOTED = "SELECT value FROM instance_setting WHERE instance = ? AND name = 'silent_since'"
_NOTE = """
INSERT INTO instance_setting (instance, name, value) VALUES (?, 'silent_since', ?)
ON CONFLICT (instance, name) DO NOTHING
"""
_OVER = "DELETE FROM instance_setting WHERE instance = ? AND name = 'silent_since'"


def missed(tx: Tx, before: int) -> dict[int, list[str]]:
    """Return by instance which endpoints got nothing since a time although they should have."""
    found: dict[int, list[str]] = {}
    for row in tx.all(_MISSED, {"before": before}):
        found.setdefault(row[0], []).append(row[1])
    return found


def worked(tx: Tx, instance: int, before: int) -> bool:
    """Tell whether anything of an instance was delivered since a time."""
    return tx.one(_WORKED, {"instance": instance, "before": before}) is not None


def noted(tx: Tx, instance: int) -> Any:
    """Return since when an instance is known to be silent, as text; None if it is not."""
    row = tx.one(_NOTED, (instance,))
    return None if row is None else row[0]


def note(tx: Tx, instance: int, since: int) -> bool:
    """Note that an instance is silent; False if that is known already."""
    return tx.run(_NOTE, (instance, str(since))) > 0


def over(tx: Tx, instance: int) -> None:
    """Note that an instance is silent no more."""
    tx.execute(_OVER, (instance,))
