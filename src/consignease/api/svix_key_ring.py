"""The ring of keys that secrets at rest are sealed under. Our own addition to the webhook API."""

from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op, Reply
from consignease.app import admins
from consignease.app.admins import Entry
from consignease.domain.access import Need
from consignease.domain.faults import Unavailable


class Rotation(Protocol):
    """Brings the ring to another key: `consignease.work.reseal.Resealer` does."""

    def progress(self) -> Any:
        """Return how far it is, in the shape of `RingOut`."""
        ...

    async def rotate(self) -> Any:
        """Begin, or go on."""
        ...


class RingOut(Struct, kw_only=True, rename="camel"):
    """How far a rotation is: ``at rest``, ``sealing``, ``retiring`` or ``failed``."""

    phase: str
    keys: list[int]
    done: int
    total: int
    resealed: int
    error: str


class _Ring:
    """The handlers, with what does the work."""

    def __init__(self, rotation: Rotation | None) -> None:
        self._rotation = rotation

    def _found(self) -> Rotation:
        if self._rotation is None:
            raise Unavailable("This server does not hold the key ring.")
        return self._rotation

    async def show(self, call: Call[None, None]) -> bytes:
        """Return how far it is."""
        del call
        return msgspec.json.encode(self._found().progress())

    async def rotate(self, call: Call[None, None]) -> Reply:
        """Add a key and give it every sealed value, or go on with that."""
        services, who = call.services, call.caller.name
        progress = await self._found().rotate()
        entry = Entry(who, "", "key_ring.rotate", "key ring", "", None, services.now())
        await services.store.write(admins.note, entry)
        return Reply(202, msgspec.json.encode(progress))


def ring_ops(rotation: Rotation | None) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        rotation: Does the work.
    """
    handle = _Ring(rotation)
    op = partial(Op, refuses=(403,), tag="Key ring", needs=Need.ADMIN, returns=RingOut)
    return (
        op(
            method="GET",
            path="/api/v1/key-ring",
            name="v1.key-ring.get",
            summary="Return how far a rotation of the key ring is.",
            handler=handle.show,
        ),
        op(
            method="POST",
            path="/api/v1/key-ring/rotate",
            name="v1.key-ring.rotate",
            summary="Seal every secret at rest under a new key.",
            handler=handle.rotate,
            status=202,
        ),
    )
