"""A log that has grown already: messages and deliveries written past the engine."""

from typing import Any

from consignease.app import endpoints
from consignease.domain.endpoints import Endpoint
from consignease.domain.instances import Instance
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from consignease.wire.signing import generate_secret

_MESSAGE = """
INSERT INTO message (cursor, instance, app, type, subject, version, at, body)
VALUES (?, ?, ?, ?, NULL, 0, ?, ?)
"""
_DELIVERY = """
INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags) VALUES (?, ?, NULL, ?, 1, 0)
"""
_ATTEMPT = """
INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, phase, error, headers, response,
                     connect_us, tls_us, wait_us, total_us)
VALUES (?, ?, 1, ?, 0, ?, NULL, '', CAST('' AS BLOB), CAST('' AS BLOB), 0, 0, 0, 0)
"""


def sent(tx: Tx, instance: Instance, endpoint: int | None, count: int, state: int, at: int) -> None:
    """Append messages to the log, each tried once at an endpoint and now in a state.

    Args:
        tx: The transaction.
        instance: Whose.
        endpoint: The endpoint's number; None if they were never addressed to any.
        count: How many.
        state: 3 for succeeded, 4 for failed, 5 for canceled.
        at: When, in milliseconds.
    """
    cursors = [tx.next_cursor() for _ in range(count)]
    tx.many(
        _MESSAGE,
        [(one, instance.no, instance.app, f"old.type{one % 2}", at, b"{}") for one in cursors],
    )
    if endpoint is not None:
        status = 200 if state == 3 else 500
        tx.many(_DELIVERY, [(one, endpoint, state) for one in cursors])
        tx.many(_ATTEMPT, [(one, endpoint, at, status) for one in cursors])


def many_endpoints(
    tx: Tx, instance: Instance, url: str, numbers: range, vault: Any, now: int
) -> None:
    """Add endpoints of some numbers, all at one URL."""
    for number in numbers:
        endpoint = Endpoint(
            id=new_id("ep"),
            uid=f"e{number}",
            url=url,
            description="",
            version=1,
            event_types=None,
            channels=None,
            headers={},
            metadata={},
            ordering="bounded",
            rate_limit=None,
            disabled=False,
            disabled_reason=None,
            created_at=now,
            updated_at=now,
        )
        sealed = vault.seal(generate_secret().encode(), endpoint.id)
        endpoints.create(tx, instance, endpoint, sealed, now)
