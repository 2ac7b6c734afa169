"""The names of tunnels that an instance keeps: who has them open, and giving one up."""

from functools import partial
from typing import Any, Protocol

import msgspec

from consignease.api.ops import Call, Op, Reply
from consignease.app import tunnels as app


class Hub(Protocol):
    """The open tunnels."""

    def open_names(self, instance: int) -> dict[str, list[str]]:
        """Return who has which name open."""
        ...

    def release(self, instance: int, name: str) -> None:
        """End a tunnel."""
        ...


class Relay(Protocol):
    """Serves tunnels: `consignease.tunnel.relay.site.Relay` does."""

    @property
    def hub(self) -> Hub:
        """The open tunnels."""
        ...

    def address(self, name: str) -> tuple[str, str]:
        """Return where a tunnel is reached."""
        ...


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """A name.

    Attributes:
        name: The name.
        url: Where it is reached.
        created_at: When it was first asked for, in milliseconds.
        opened_at: When a tunnel was last opened under it, in milliseconds.
        open_by: Who has it open now.
    """

    name: str
    url: str
    created_at: int
    opened_at: int
    open_by: list[str]


class Tunnels(msgspec.Struct, frozen=True):
    """All names of an instance."""

    data: list[Tunnel]


def tunnel_ops(relay: Relay) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        relay: Serves tunnels.
    """

    async def show(call: Call[Any, Any]) -> bytes:
        names = await call.services.store.read(app.names, call.instance.no)
        owners = relay.hub.open_names(call.instance.no)
        found = [
            Tunnel(
                name=one.name,
                url=relay.address(one.name)[0],
                created_at=one.created_at,
                opened_at=one.opened_at,
                open_by=owners.get(one.name, []),
            )
            for one in names
        ]
        return msgspec.json.encode(Tunnels(found))

    async def release(call: Call[Any, Any]) -> Reply:
        name = call.path["name"]
        await call.services.store.write(app.release, call.instance.no, name)
        relay.hub.release(call.instance.no, name)
        return Reply(204)

    op = partial(Op, tag="Tunnels")
    return (
        op(
            method="GET",
            path="/v1/tunnels",
            name="ListTunnels",
            summary="The names of tunnels that are kept.",
            handler=show,
            returns=Tunnels,
        ),
        op(
            method="DELETE",
            path="/v1/tunnels/{name}",
            name="ReleaseTunnel",
            summary="Give a name up.",
            handler=release,
            status=204,
            refuses=(404,),
        ),
    )
