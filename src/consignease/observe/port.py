"""A port of this machine on which a worker answers who watches it; nothing else is served."""

import asyncio
import os
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from consignease.api.status import PATHS, Status
from consignease.domain.faults import Unavailable

_HEAD_SECONDS = 10
_HEAD_BYTES = 16_384


async def open_port(status: Status, port: int) -> asyncio.Server:
    """Answer health and metrics on a port of 127.0.0.1, one request a connection.

    Raises:
        Unavailable: the port is in use.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await _answer(status, head, writer)
            await writer.drain()
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone, or does not speak HTTP
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, "127.0.0.1", port, limit=_HEAD_BYTES)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        msg = f"Cannot listen on port {port} of 127.0.0.1: {why}. Set worker_port to another one."
        raise Unavailable(msg) from error


async def _answer(status: Status, head: bytes, writer: asyncio.StreamWriter) -> None:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    path = target.partition("?")[0].rstrip("/")
    headers = [
        (name.strip().lower().encode("latin-1"), value.strip().encode("latin-1"))
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    ]
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": headers,
        "client": writer.get_extra_info("peername"),
    }

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            number: int = message["status"]
            writer.write(b"HTTP/1.1 %d %s\r\n" % (number, HTTPStatus(number).phrase.encode()))
            for name, value in [*message["headers"], (b"connection", b"close")]:
                writer.write(b"%s: %s\r\n" % (name, value))
            writer.write(b"\r\n")
        else:
            writer.write(message["body"])

    if path not in PATHS:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        return
    await status(path, scope, send)
