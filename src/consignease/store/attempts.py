"""Attempts: one row per HTTP try, kept beside the delivery it belongs to."""

from collections.abc import Sequence
from typing import Any

from consignease.store.rows import OfRows
from consignease.store.tx import Tx

_INSERT = OfRows(
    """
INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, phase, error, headers, response,
                     connect_us, tls_us, wait_us, total_us, dns_us, skew)
VALUES {rows} ON CONFLICT DO NOTHING
""",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "bigint bigint bigint bigint bigint bigint text text bytea bytea"
    " bigint bigint bigint bigint bigint bigint",
)
_OF_MESSAGE = "SELECT * FROM attempt WHERE cursor = ? ORDER BY endpoint, n"
_OF_ENDPOINT = """
SELECT * FROM attempt WHERE endpoint = ? ORDER BY at DESC, cursor DESC, n DESC LIMIT ?
"""

Row = tuple[
    int, int, int, int, int, int, str | None, str, bytes, bytes, int, int, int, int, int, int
]
"""cursor, endpoint, n, at, trigger, status, phase, error, response headers and body, then
connect, TLS, wait, total and DNS time in microseconds, and the skew of what was signed."""


def insert(tx: Tx, rows: Sequence[Row]) -> None:
    """Record attempts; one that is recorded already stays as it is."""
    _INSERT.run(tx, rows)


def of_message(tx: Tx, cursor: int) -> list[Any]:
    """Return every attempt of a message, by endpoint, oldest first."""
    return tx.all(_OF_MESSAGE, (cursor,))


def of_endpoint(tx: Tx, endpoint: int, limit: int) -> list[Any]:
    """Return the newest attempts of an endpoint."""
    return tx.all(_OF_ENDPOINT, (endpoint, limit))
