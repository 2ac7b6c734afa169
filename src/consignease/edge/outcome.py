"""What the sender is asked to send, and what it says came of it."""

import msgspec

from consignease.edge.guard import Policy
from consignease.edge.tls import Tls

BODY_LIMIT = 20_000
"""Bytes of an answer's body that are kept; reading stops there."""

HEADERS_LIMIT = 16_384
"""Bytes of an answer's headers that are kept."""


WHILE_CONNECTING, WHILE_TLS = "while connecting", "while negotiating TLS"
"""How far a request had come whose deadline was over before it was sent."""

_BEFORE = frozenset({"request", "guard", "resolve", "connect", "tls"})


def was_sent(phase: str | None, error: str) -> bool:
    """Whether an attempt with this outcome came as far as sending its request."""
    late = phase == "deadline" and (WHILE_CONNECTING in error or WHILE_TLS in error)
    return phase not in _BEFORE and not late


class Request(msgspec.Struct):
    """One POST.

    Attributes:
        tag: anything; comes back in the outcome.
        url: as `check_url` returned it in `Target.url`.
        host: the URL's host.
        port: the URL's port.
        address: where to connect, as `vet` returned it: a numeric address, or
            several joined by commas.
        headers: complete lines `Name: value`, all ASCII text or all bytes,
            sent as given and in this order. `Content-Length`, `Host` and
            `User-Agent` are added.
        body: sent as it is.
        timeout_ms: one deadline from connecting to the end of the answer.
        policy: what the guard must judge the address by.
        tls: certificates of its own; None for the usual ones.
    """

    tag: object
    url: str
    host: str
    port: int
    address: str
    headers: list[str] | list[bytes]
    body: bytes
    timeout_ms: int
    policy: Policy
    tls: Tls | None = None


class Outcome(msgspec.Struct):
    """What came of a request.

    Attributes:
        tag: the request's.
        status: of the answer; 0 if there was none.
        phase: None if there was a whole answer, whatever its status (one longer
            than `BODY_LIMIT` counts as whole). Else where it failed: `request`
            (it cannot be sent at all), `guard`, `resolve`, `connect`, `tls`,
            `send`, `wait` (for the answer), `read`, `deadline`; or `internal`
            and `stopped`, which are our failures (see `ours`).
        error: the failure in plain words, empty if there is none.
        body: at most `BODY_LIMIT` bytes, not decoded in any way.
        headers: the raw header block, at most `HEADERS_LIMIT` bytes.
        connect_us: microseconds until connected; 0 on a kept connection.
        tls_us: microseconds of the TLS handshake; 0 on a kept connection.
        wait_us: microseconds from there to the first byte of the answer.
        total_us: microseconds in all.
        reused: whether a kept connection was used.
    """

    tag: object
    status: int = 0
    phase: str | None = None
    error: str = ""
    body: bytes = b""
    headers: bytes = b""
    connect_us: int = 0
    tls_us: int = 0
    wait_us: int = 0
    total_us: int = 0
    reused: bool = False

    @property
    def ours(self) -> bool:
        """Whether the failure is the sender's own, and says nothing of the receiver."""
        return self.phase in {"internal", "stopped"}

    def header(self, name: str) -> str | None:
        """Return the answer's first header of this name, whatever its case.

        Bytes outside ASCII are read as Latin-1 (RFC 9110 section 5.5).
        """
        wanted = name.lower()
        for line in self.headers.decode("latin-1").split("\r\n")[1:]:
            found, colon, value = line.partition(":")
            if colon and found.strip().lower() == wanted:
                return value.strip()
        return None
