"""Names of tunnels: first come, first served, and kept."""

import msgspec

from consignease.domain.faults import Conflict, Invalid, NotFound
from consignease.domain.tunnels import MOST, check_name
from consignease.store import tunnels
from consignease.store.tx import Tx


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """A name that an instance keeps.

    Attributes:
        name: The name.
        created_at: When it was first asked for, in milliseconds.
        opened_at: When a tunnel was last opened under it, in milliseconds.
    """

    name: str
    created_at: int
    opened_at: int


def claim(tx: Tx, instance: int, name: str, now: int) -> None:
    """Keep a name for an instance, or note that it is used again.

    Args:
        tx: The transaction.
        instance: Number of the instance.
        name: The tunnel's name.
        now: The present, in milliseconds.

    Raises:
        Invalid: It is no name that a tunnel can have, or the instance has too many.
        Conflict: Another instance has it.
    """
    check_name(name)
    row = tunnels.find(tx, name)
    if row is None:
        if len(tunnels.of_instance(tx, instance)) >= MOST:
            msg = f"An instance keeps {MOST} names at most. Give one up: consignease tunnel --release NAME."
            raise Invalid(msg, param="name")
        tunnels.add(tx, name, instance, now)
        row = tunnels.find(tx, name)
    if row["instance"] != instance:
        msg = f"The name {name} belongs to another instance's key. Choose another."
        raise Conflict(msg, param="name")
    tunnels.opened(tx, name, now)


def names(tx: Tx, instance: int) -> list[Tunnel]:
    """Return the names that an instance keeps."""
    return [
        Tunnel(name=row["name"], created_at=row["created_at"], opened_at=row["opened_at"])
        for row in tunnels.of_instance(tx, instance)
    ]


def release(tx: Tx, instance: int, name: str) -> None:
    """Give a name up, so that anybody can have it.

    Raises:
        NotFound: The instance does not have it.
    """
    if not tunnels.remove(tx, name, instance):
        msg = f"There is no tunnel named {name}."
        raise NotFound(msg)
