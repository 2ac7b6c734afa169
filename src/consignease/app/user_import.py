"""Bringing many users along, a part of them in each unit of work."""

import hashlib
from collections.abc import Sequence

from consignease.app import users
from consignease.app.users import Emit
from consignease.domain.faults import Fault
from consignease.domain.instances import Instance
from consignease.domain.users import Draft
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

_SECONDS = 1_700_000_000
"""The time in identifiers that are made of a name."""


def fixed_id(name: str, prefix: str = "user") -> str:
    """Make the identifier that always stands for a name."""
    return new_id(prefix, _SECONDS, hashlib.sha256(name.encode()).digest()[:16])


def create_all(
    tx: Tx, instance: Instance, drafts: Sequence[Draft], emit: Emit, now: int
) -> list[Fault | None]:
    """Create users; one that is refused leaves the others alone.

    Args:
        tx: The transaction.
        instance: Whose users they are.
        drafts: The users to be, with their identifiers.
        emit: Whether each emits its event.
        now: Milliseconds.

    Returns:
        For each why it was refused, None for those that were created.
    """
    return [_create(tx, instance, draft, emit, now) for draft in drafts]


def _create(tx: Tx, instance: Instance, draft: Draft, emit: Emit, now: int) -> Fault | None:
    tx.execute("SAVEPOINT one")
    try:
        users.create(tx, instance, draft, now, emit)
    except Fault as fault:
        tx.execute("ROLLBACK TO one")
        return fault
    finally:
        tx.execute("RELEASE one")
    return None
