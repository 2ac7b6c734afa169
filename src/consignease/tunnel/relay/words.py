"""What a tunnel answers by itself: JSON for programs, a page for people."""

import html
from http import HTTPStatus

import msgspec

from consignease.tunnel.frames import Fields

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">\
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>\
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}\
</style><h1>{title}</h1><p>{words}</p></html>
"""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the server's own.

    Attributes:
        status: Its status code.
        code: For programs.
        words: For people.
        retry_after: Seconds after which to try again; 0 for nothing.
    """

    status: int
    code: str
    words: str
    retry_after: int = 0

    def render(self, fields: Fields) -> tuple[Fields, bytes]:
        """Return header fields and body, as the request's ``Accept`` wants them."""
        accepts = next((value for name, value in fields if name == b"accept"), b"")
        if b"text/html" in accepts:
            title = HTTPStatus(self.status).phrase
            kind = b"text/html; charset=utf-8"
            body = _PAGE.format(title=html.escape(title), words=html.escape(self.words)).encode()
        else:
            kind = b"application/json"
            body = msgspec.json.encode({"code": self.code, "detail": self.words})
        head: Fields = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-robots-tag", b"noindex"),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
        ]
        if self.retry_after:
            head.append((b"retry-after", b"%d" % self.retry_after))
        return head, body

    def raw(self, fields: Fields) -> bytes:
        """Return the whole answer in bytes, for a connection that ends with it."""
        head, body = self.render(fields)
        return raw_head(self.status, [*head, (b"connection", b"close")]) + body


def raw_head(status: int, fields: Fields) -> bytes:
    """Return a status line and header fields in bytes."""
    lines = [_LINES.get(status) or b"HTTP/1.1 %d " % status]
    lines += map(b"%b: %b".__mod__, fields)
    return b"\r\n".join(lines) + b"\r\n\r\n"


_LINES = {int(one): b"HTTP/1.1 %d %b" % (one, one.phrase.encode()) for one in HTTPStatus}

UNKNOWN = Refusal(status=404, code="tunnel_unknown", words="There is no tunnel of this name.")
CLOSED = Refusal(
    status=503,
    code="tunnel_closed",
    words="Nobody has this tunnel open at the moment. Its owner runs `consignease tunnel`.",
    retry_after=30,
)
LOST = Refusal(
    status=503,
    code="tunnel_lost",
    words="The connection to the developer's machine broke. It is being restored; try again.",
    retry_after=2,
)
AWAY = Refusal(
    status=503,
    code="unavailable",
    words="It cannot be said at the moment whose tunnel this is.",
    retry_after=2,
)
BUSY = Refusal(
    status=503,
    code="tunnel_busy",
    words="Too many requests are under way through this tunnel.",
    retry_after=1,
)
TOO_LARGE = Refusal(
    status=431, code="headers_too_large", words="The request's headers are too large."
)
TOO_LATE = Refusal(
    status=504, code="application_too_slow", words="The application did not answer in time."
)
NO_SOCKET = Refusal(status=404, code="not_found", words="No WebSocket is served here.")
