"""A request for a WebSocket, as it came, and the answer that accepts it (RFC 6455 section 4)."""

from typing import NamedTuple

from consignease.tunnel import websocket
from consignease.tunnel.frames import Fields
from consignease.tunnel.relay.words import raw_head


class Upgrade(NamedTuple):
    """A request to change to WebSocket.

    Attributes:
        method: Its method.
        target: Path and query, as they came.
        fields: Header fields, names in lower case.
        peer: The client's address.
    """

    method: str
    target: bytes
    fields: Fields
    peer: str

    def field(self, name: bytes) -> bytes:
        """Return the first field of a name; nothing if there is none."""
        return next((value for found, value in self.fields if found == name), b"")

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    @property
    def sound(self) -> bool:
        """Whether it is a handshake that a server may accept."""
        version = self.field(b"sec-websocket-version")
        return self.method == "GET" and version == b"13" and len(self._key) == 24

    @property
    def _key(self) -> bytes:
        return self.field(b"sec-websocket-key").strip()

    def accepted(self, protocol: str = "") -> bytes:
        """Return the answer that accepts it."""
        fields: Fields = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", websocket.accept(self._key)),
        ]
        if protocol:
            fields.append((b"sec-websocket-protocol", protocol.encode()))
        return raw_head(101, fields)
