"""An application behind a tunnel that does what HTTP allows: streams, chunks, changes protocol.

====================  ==============================================================
``/echo``             the request's body, chunk by chunk as it comes
``/head``             the request's head, as it came
``/bytes/N``          N bytes, with a Content-Length
``/until-close/N``    N bytes, ended by the end of the connection
``/cut``              half of what its Content-Length says
``/ticks``            an event every time `App.tick` is called
``/raw``              what `App.raw` holds
``/socket``           changes to a protocol that gives back what it gets
====================  ==============================================================
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

_PART = 64 * 1024


class App:
    """The application, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.raw = b""
        self.heads: list[bytes] = []
        self.read = self.written = 0
        self.hung_up = threading.Event()
        self._ticks: list[asyncio.Queue[bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="app", daemon=True)
        self._ready = threading.Event()
        self.port = 0
        self.gate = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def tick(self, data: bytes) -> None:
        """Let everybody who listens at /ticks get this."""
        for queue in self._ticks:
            self._loop.call_soon_threadsafe(queue.put_nowait, data)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1024 * 1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        _, target, _ = head.split(b" ", 2)
        name, _, rest = target.decode().partition("?")[0].lstrip("/").partition("/")
        fields = {
            k.lower(): v.strip()
            for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:-2])
        }
        if name == "socket":
            return await self._socket(reader, writer)
        if name == "echo":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            async for part in _body(reader, fields):
                self.read += len(part)
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return True
        if name == "hold":
            await asyncio.to_thread(self.gate.wait, 20)
        async for part in _body(reader, fields):
            self.read += len(part)
        await self._answer(name, rest, head, reader, writer)
        return name not in {"until-close", "cut", "raw"}

    async def _answer(
        self,
        name: str,
        rest: str,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if name == "raw":
            writer.write(self.raw)
        elif name == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
        elif name == "ticks":
            await self._send_ticks(reader, writer)
        elif name in {"bytes", "until-close"}:
            length = b"Content-Length: %d\r\n" % int(rest) if name == "bytes" else b""
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
            left = int(rest)
            while left:
                part = bytes(min(_PART, left))
                left -= len(part)
                writer.write(part)
                await writer.drain()
                self.written += len(part)
        else:
            body = head if name == "head" else b"%d" % self.read
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def _send_ticks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._ticks.append(queue)  # before the head: whoever has read that may tick at once
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        closing = asyncio.ensure_future(reader.read())
        try:
            while True:
                getting = asyncio.ensure_future(queue.get())
                await asyncio.wait({getting, closing}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    raise ConnectionError
                writer.write(getting.result())
                await writer.drain()
        finally:
            self.hung_up.set()

    async def _socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: x\r\nX-One: 1\r\nX-One: 2\r\n\r\nhello"
        )
        while data := await reader.read(_PART):
            writer.write(data)
            await writer.drain()
        writer.write(b"bye")
        return False


async def _body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> AsyncIterator[bytes]:
    if fields.get(b"transfer-encoding") == b"chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return
    left = int(fields.get(b"content-length", b"0"))
    while left:
        part = await reader.read(min(_PART, left))
        if not part:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(part)
        yield part
