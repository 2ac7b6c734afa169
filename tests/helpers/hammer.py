"""A client that asks for the same thing again and again, in a process of its own.

    python -m tests.helpers.hammer --port 8000 --path /t/x/hook --connections 10 --seconds 3

prints one line of JSON: requests a second, and milliseconds at p50 and p99.
"""

import argparse
import asyncio
import json
import time

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

BODY = b'{"type":"user.updated","data":"' + b"x" * 1600 + b'"}'


class Hammer(asyncio.Protocol):
    """One kept connection with one request under way."""

    def __init__(self, request: bytes, until: float, times: list[float]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._buffer = b""
        self._begin = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._begin = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or not self._whole(head.lower(), body):
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        self._buffer = b""
        now = time.perf_counter()
        self._times.append(now - self._begin)
        if now < self._until:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def _whole(self, head: bytes, body: bytes) -> bool:
        if b"transfer-encoding: chunked" in head:
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= int(head.partition(b"content-length:")[2].split(b"\r\n")[0])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"closed early: {exc}"))


async def hammer(
    port: int, path: str, host: str, connections: int, seconds: float
) -> dict[str, float]:
    """Ask for `seconds` on so many connections."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    times: list[float] = []
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    protocols = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(
            lambda: Hammer(request, begin + seconds, times), "127.0.0.1", port
        )
        protocols.append(protocol)
    await asyncio.gather(*[protocol.done for protocol in protocols])
    took = time.perf_counter() - begin
    times.sort()
    return {
        "rps": len(times) / took,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[len(times) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    given = parser.parse_args()
    running = new_event_loop()
    wanted = hammer(given.port, given.path, given.host, given.connections, given.seconds)
    print(json.dumps(running.run_until_complete(wanted)))
    running.close()
