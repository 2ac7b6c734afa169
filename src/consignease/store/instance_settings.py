"""Settings of an instance: those that were changed, each as JSON."""

from collections.abc import Mapping

from consignease.store.tx import Tx

_GET = "SELECT name, value FROM instance_setting WHERE instance = ?"
_PUT = """
INSERT INTO instance_setting (instance, name, value) VALUES (?, ?, ?)
ON CONFLICT (instance, name) DO UPDATE SET value = excluded.value
"""


def get(tx: Tx, instance: int) -> dict[str, str]:
    """Return the JSON of every setting that was changed, by name."""
    return {row[0]: row[1] for row in tx.all(_GET, (instance,))}


def put(tx: Tx, instance: int, settings: Mapping[str, str]) -> None:
    """Keep settings, each as JSON."""
    for name, value in settings.items():
        tx.run(_PUT, (instance, name, value))
