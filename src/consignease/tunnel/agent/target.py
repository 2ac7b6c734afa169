"""The one place that a tunnel leads to, and how requests are written for it."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from consignease.tunnel.agent.http1 import Judge
from consignease.tunnel.frames import Fields, Request

_ORIGINS = frozenset({b"origin", b"referer"})
_NO_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class TargetError(ValueError):
    """Nothing can be forwarded there; the text says why."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests are taken.

    Attributes:
        scheme: ``http`` or ``https``.
        host: Name or address.
        port: Number.
        netloc: Host and port as in a ``Host`` header.
        host_header: ``rewrite``, ``preserve``, or what is sent in every case.
        judge: Which addresses may be connected to.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    host_header: str = "rewrite"
    judge: Judge | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port as in an ``Origin`` header."""
        return f"{self.scheme}://{self.netloc}"

    def host_for(self, request: Request) -> str:
        """Return the ``Host`` that the application gets."""
        if self.host_header == "preserve":
            return request.host
        return self.netloc if self.host_header == "rewrite" else self.host_header

    def head(self, request: Request, url: str, prefix: str) -> bytes:
        """Write a request's head.

        Args:
            request: As it came to the tunnel.
            url: The tunnel's public URL.
            prefix: What the path of that URL begins with.

        Raises:
            TargetError: It is none that can be written.
        """
        if not _METHOD.fullmatch(request.method) or not _TARGET.fullmatch(request.target):
            raise TargetError("the request's first line cannot be passed on")
        if not f"{request.host}{request.peer}{request.scheme}{prefix}".isprintable():
            raise TargetError("where the request came from cannot be passed on")
        names, values = zip(*request.fields, strict=True) if request.fields else ((), ())
        if b"" in names or _NO_NAME.search(b"".join(names)) or _NO_VALUE.search(b"".join(values)):
            raise TargetError("one of the request's headers cannot be passed on")
        fields = request.fields
        if self.host_header == "rewrite" and not prefix and not _ORIGINS.isdisjoint(names):
            # The application sees itself at its own address, in these as in Host.
            fields = [_as_local(field, url.encode(), self.origin.encode()) for field in fields]
        lines = [
            b"%b %b HTTP/1.1" % (request.method.encode(), request.target),
            b"Host: " + self.host_for(request).encode("latin-1"),
        ]
        lines += map(b"%b: %b".__mod__, fields)
        chunked = request.body and b"content-length" not in names
        if chunked:
            lines.append(b"Transfer-Encoding: chunked")
        if request.upgrade:
            lines.append(b"Connection: Upgrade")
        lines.append(_forwarded(request.peer, request.host, request.scheme, prefix))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def public(self, fields: Fields, url: str, prefix: str) -> Fields:
        """Return an answer's fields with a ``Location`` that leads back through the tunnel."""
        if b"location" not in [name.lower() for name, _ in fields]:
            return fields
        local = self.origin.encode()
        return [
            (name, _outward(value, local, url.encode(), prefix.encode()))
            if name.lower() == b"location"
            else (name, value)
            for name, value in fields
        ]


def parse_target(text: str, *, host_header: str, judge: Judge | None) -> Target:
    """Read what stands on the command line: a port, host and port, or a URL without a path.

    Raises:
        TargetError: It is none of these.
    """
    if re.fullmatch(r"[0-9]{1,5}", text):
        text = f"localhost:{text}"
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise TargetError(f"{text!r} has no readable port") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable():
        raise TargetError(f"{text!r} is no port, no host:port and no http:// URL")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise TargetError("a tunnel leads to a host and a port, without path or user name")
    if port == 0 or " " in text or "\\" in text:
        raise TargetError(f"{text!r} is no port, no host:port and no http:// URL")
    return Target(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or (443 if parts.scheme == "https" else 80),
        netloc=parts.netloc,
        host_header=host_header,
        judge=judge,
    )


@lru_cache(256)
def _forwarded(peer: str, host: str, scheme: str, prefix: str) -> bytes:
    """Say whom the request came from and where it was sent to (RFC 7239 and its forerunners)."""
    node = f'"[{peer}]"' if ":" in peer else peer or "unknown"
    quoted = host.replace("\\", "").replace('"', "")
    text = (
        f"X-Forwarded-For: {peer}\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Proto: {scheme}\r\n"
        f'Forwarded: for={node};host="{quoted}";proto={scheme}'
    )
    if prefix:
        text += f"\r\nX-Forwarded-Prefix: {prefix}"
    return text.encode("latin-1", "replace")


def _as_local(field: tuple[bytes, bytes], public: bytes, local: bytes) -> tuple[bytes, bytes]:
    name, value = field
    if name in _ORIGINS and (value == public or value.startswith(public + b"/")):
        return name, local + value.removeprefix(public)
    return field


def _outward(value: bytes, local: bytes, url: bytes, prefix: bytes) -> bytes:
    if value == local or value.startswith((local + b"/", local + b"?")):
        return url + value.removeprefix(local)
    if prefix and value.startswith(b"/") and not value.startswith(b"//"):
        return prefix + value
    return value
