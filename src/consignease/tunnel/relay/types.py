"""Whom the relay answers: shapes of ASGI, and a client at whose socket it is."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias

from consignease.tunnel.frames import Fields

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Client(Protocol):
    """Whom a request comes from: `consignease.direct.Direct` is one."""

    @property
    def started(self) -> bool:
        """Whether the answer has begun."""
        ...

    @property
    def full(self) -> bool:
        """Whether it takes nothing at the moment."""
        ...

    def pause_reading(self) -> None:
        """Let it wait with its body."""
        ...

    def resume_reading(self) -> None:
        """Go on."""
        ...

    def want_body(self) -> None:
        """Give leave to send the body, if it asked for that."""
        ...

    def answer(self, status: int, fields: Fields, data: bytes = b"", *, end: bool) -> None:
        """Begin the answer."""
        ...

    def write(self, data: bytes, *, end: bool) -> None:
        """Go on with its body."""
        ...

    def abort(self) -> None:
        """Break the connection."""
        ...
