"""The inspector's HTTP server: 127.0.0.1 only, and only for who has the printed URL.

Pages of other origins reach it from the same browser, and names can be made to
lead to 127.0.0.1. So the ``Host`` must be its own, an ``Origin`` too where there
is one, and everything but the empty page wants the token, which is in the part
of the URL that browsers send to nobody.
"""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from consignease.tunnel.agent.exchange import Home
from consignease.tunnel.agent.inspector import views
from consignease.tunnel.agent.inspector.replay import Edit, ReplayError, replay

_LIMIT = 8 * 1024 * 1024
_HEAD_LIMIT = 32 * 1024
_PORTS = 10

_HEADERS = (
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
    "referrer-policy: no-referrer",
    "cross-origin-resource-policy: same-origin",
    "cross-origin-opener-policy: same-origin",
    (
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
)
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class _Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class _Answer(NamedTuple):
    status: int
    body: bytes
    kind: str = "application/json"


class Inspector:
    """The server.

    Args:
        home: What all exchanges share.
        secrets_around: Finds the signing secrets by the names of their variables.

    Attributes:
        token: What everything but the page wants.
        port: Where it listens.
    """

    def __init__(self, home: Home, secrets_around: Callable[[], Mapping[str, str]]) -> None:
        self._home = home
        self._secrets = secrets_around
        self._server: asyncio.Server | None = None
        self.token = secrets.token_urlsafe(24)
        self.port = 0

    @property
    def url(self) -> str:
        """What its owner opens."""
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    async def start(self, port: int) -> None:
        """Listen on a port, or on one of the next if others are there.

        Raises:
            OSError: All of them are taken.
        """
        for number in range(port, min(port + _PORTS, 65535)):
            try:
                self._server = await asyncio.start_server(
                    self._serve, "127.0.0.1", number, limit=_HEAD_LIMIT
                )
            except OSError:
                if number == min(port + _PORTS, 65535) - 1:
                    raise
                continue
            self.port = number
            return

    async def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(20):
                asked = await _read(reader)
            answer = self._answer(asked)
        except (ValueError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            answer = _refuse(400, "That is no request that is answered here.")
        head = [
            f"HTTP/1.1 {answer.status} {_PHRASES[answer.status]}",
            f"content-type: {answer.kind}",
            f"content-length: {len(answer.body)}",
            "connection: close",
            *_HEADERS,
        ]
        with contextlib.suppress(OSError):
            writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + answer.body)
            await writer.drain()
        writer.close()

    def _answer(self, asked: _Asked) -> _Answer:
        own = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
        if host not in own or (origin is not None and origin != f"http://{host}"):
            return _refuse(403, "The inspector answers to its own page on this machine only.")
        if asked.path in _FILES:
            name, kind = _FILES[asked.path]
            return _Answer(
                200,
                resources.files("consignease.tunnel.agent.inspector").joinpath(name).read_bytes(),
                kind,
            )
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _refuse(401, "Open the URL that consignease tunnel printed.")
        return self._call(asked)

    def _call(self, asked: _Asked) -> _Answer:
        recorder = self._home.recorder
        reveal = asked.query.get("reveal") == "1"
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["api", "exchanges"]:
                records = [views.summary(one) for one in recorder.all()]
                target, url = self._home.target.origin, self._home.welcome.url
                return _json({"url": url, "target": target, "exchanges": records})
            case "DELETE", ["api", "exchanges"]:
                recorder.clear()
                return _json({})
            case "GET", ["api", "har"]:
                return _json(views.har(recorder.all(), self._home.welcome.url, reveal=reveal))
            case "GET", ["api", "exchanges", number]:
                return self._show(number, reveal=reveal)
            case "POST", ["api", "exchanges", number, "replay"]:
                return self._replay(number, asked.body)
            case _:
                return _refuse(404, "There is nothing here.")

    def _show(self, number: str, *, reveal: bool) -> _Answer:
        record = self._home.recorder.find(int(number))
        if record is None:
            return _refuse(404, "That exchange is not kept any more.")
        shown = views.detail(
            record,
            self._home.recorder.all(),
            local=self._home.target.origin,
            secrets=self._secrets(),
            reveal=reveal,
        )
        return _json(shown)

    def _replay(self, number: str, body: bytes) -> _Answer:
        record = self._home.recorder.find(int(number))
        if record is None:
            return _refuse(404, "That exchange is not kept any more.")
        try:
            edit = msgspec.json.decode(body, type=Edit) if body else Edit()
            return _json({"number": replay(self._home, record, edit)})
        except (ReplayError, msgspec.DecodeError) as error:
            return _refuse(400, str(error))


async def _read(reader: asyncio.StreamReader) -> _Asked:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LIMIT or "transfer-encoding" in headers:
        raise ValueError(length)
    body = await reader.readexactly(length)
    parts = urlsplit(target)
    return _Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


def _json(document: dict[str, Any]) -> _Answer:
    return _Answer(200, msgspec.json.encode(document))


def _refuse(status: int, words: str) -> _Answer:
    return _Answer(status, msgspec.json.encode({"detail": words}))
