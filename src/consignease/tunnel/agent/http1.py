"""A small HTTP/1.1 client that sends what it is given, byte for byte.

It keeps connections, follows nothing, decodes nothing, and connects only where
it is allowed to.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

HEAD_LIMIT = 64 * 1024
"""Largest header block of an answer, in bytes."""

_IDLE = 64
_CHUNK = 64 * 1024
_NO_BODY = frozenset({204, 304})

Judge = Callable[[str], str | None]
"""Says why a numeric address must not be connected to; None if it may."""


class CallError(Exception):
    """A request that came to nothing; the text says why.

    Attributes:
        phase: ``connect``, ``read`` or ``deadline``.
    """

    def __init__(self, phase: str, words: str) -> None:
        super().__init__(words)
        self.phase = phase


class Answer(NamedTuple):
    """An HTTP answer.

    Attributes:
        status: Its status code.
        headers: The raw header block, status line included.
        body: The body, cut off at the limit that was asked for.
    """

    status: int
    headers: bytes
    body: bytes


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Origin:
    """One scheme, host and port, with the connections kept to it.

    Args:
        url: Where it is; the path is left aside.
        judge: Which addresses may be connected to; None for all.

    Attributes:
        name: Host and port as in a ``Host`` header.
    """

    def __init__(self, url: str, judge: Judge | None = None) -> None:
        parts = urlsplit(url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._judge = judge
        self._idle: list[_Connection] = []
        self.name = parts.netloc

    async def call(
        self,
        method: str,
        path: str,
        headers: Sequence[str],
        body: bytes = b"",
        *,
        timeout: float,  # noqa: ASYNC109 - one deadline over everything, with words of its own
        limit: int | None = None,
    ) -> Answer:
        """Send a request and return its answer.

        Args:
            method: In upper case.
            path: Path and query.
            headers: Complete lines; ``Host`` and ``Content-Length`` are added.
            body: Sent as it is.
            timeout: Seconds for everything.
            limit: Bytes of the answer's body that are kept; None for all.

        Raises:
            CallError: There was no whole answer.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.name}", *headers]
        if body or method not in {"GET", "HEAD", "DELETE"}:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        try:
            async with asyncio.timeout(timeout):
                return await self._try(data, method, limit)
        except TimeoutError:
            raise CallError("deadline", f"no answer within {timeout:g} s") from None

    async def _try(self, data: bytes, method: str, limit: int | None) -> Answer:
        while self._idle:
            # A kept connection may have been closed meanwhile: then a new one is opened.
            connection = self._idle.pop()
            if connection.reader.at_eof():
                connection.writer.close()
                continue
            try:
                return await self._exchange(connection, data, method, limit)
            except (ConnectionError, asyncio.IncompleteReadError):
                continue
        connection = await self._connect()
        try:
            return await self._exchange(connection, data, method, limit)
        except asyncio.IncompleteReadError as error:
            words = "the connection was closed before the answer was whole"
            raise CallError("read", words if error.partial else f"{words}; it is empty") from None
        except ConnectionError as error:
            raise CallError("read", f"the connection broke: {error.strerror or error}") from None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            words = f"{self._host} has no address ({error.strerror or error})"
            raise CallError("connect", words) from None
        reason = "it has no address"
        for family, _, _, _, address in found:
            refused = self._judge(str(address[0])) if self._judge else None
            if refused is not None:
                raise CallError("connect", f"{address[0]} is {refused}")
            try:
                reader, writer = await asyncio.open_connection(
                    str(address[0]),
                    self._port,
                    family=family,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                    limit=HEAD_LIMIT,
                )
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                if isinstance(error, ConnectionRefusedError):
                    reason = "connection refused, nothing listens there"
                continue
            return _Connection(reader, writer)
        raise CallError("connect", f"{self.name} cannot be reached: {reason}")

    async def _exchange(
        self, connection: _Connection, data: bytes, method: str, limit: int | None
    ) -> Answer:
        reader, writer = connection
        whole = False
        try:
            writer.write(data)
            await writer.drain()
            answer, keep = await _read(reader, method, limit)
            whole = keep and len(self._idle) < _IDLE
        except asyncio.LimitOverrunError:
            raise CallError("read", "the answer's headers are too large") from None
        except ValueError:
            raise CallError("read", "the answer is not HTTP/1.1") from None
        finally:
            if whole:
                self._idle.append(connection)
            else:
                writer.close()
        return answer

    async def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            writer = self._idle.pop().writer
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read(
    reader: asyncio.StreamReader, method: str, limit: int | None
) -> tuple[Answer, bool]:
    """Read one answer; interim ones (1xx) are passed over.

    Returns:
        The answer, and whether the connection can be kept.

    Raises:
        ValueError: It is not HTTP/1.1.
    """
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        version, _, rest = head.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError(version)
        status = int(rest[:3])
        if status >= 200:
            break
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    keep = version == b"HTTP/1.1" and fields.get(b"connection", b"").lower() != b"close"
    kept = _Kept(limit)
    if method == "HEAD" or status in _NO_BODY:
        pass
    elif fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
        await _read_chunks(reader, kept)
    elif b"content-length" in fields:
        await _read_length(reader, kept, int(fields[b"content-length"]))
    else:
        keep = False
        while data := await reader.read(_CHUNK):
            kept.add(data)
    return Answer(status, head, bytes(kept.data)), keep


class _Kept:
    """The beginning of a body."""

    def __init__(self, limit: int | None) -> None:
        self.data = bytearray()
        self._limit = limit

    def add(self, part: bytes) -> None:
        """Keep what there is room for."""
        if self._limit is None:
            self.data += part
        elif len(self.data) < self._limit:
            self.data += part[: self._limit - len(self.data)]


async def _read_length(reader: asyncio.StreamReader, kept: _Kept, length: int) -> None:
    while length > 0:
        part = await reader.read(min(_CHUNK, length))
        if not part:
            raise asyncio.IncompleteReadError(b"?", length)
        length -= len(part)
        kept.add(part)


async def _read_chunks(reader: asyncio.StreamReader, kept: _Kept) -> None:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        await _read_length(reader, kept, size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
