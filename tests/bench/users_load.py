"""Changes users through the Backend API as fast as it goes; prints one line of JSON.

python -m tests.bench.users_load --url http://127.0.0.1:4010 --key sk_... --changes 20000
"""

import argparse
import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Iterator


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the one before is complete."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Event, took: list[float]) -> None:
        self.requests = requests
        self.done = done
        self.took = took
        self.buffer = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        """Send one request, or end."""
        request = next(self.requests, None)
        if request is None:
            self.done.set()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read one answer."""
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 20"):
            sys.exit(f"the server refused: {self.buffer.decode()}")
        self.took.append(time.perf_counter() - self.sent)
        self.buffer = b""
        self.next()


def made(url: str, key: str, number: int) -> list[str]:
    """Create users and return their ids."""
    ids: list[str] = []
    for n in range(number):
        body = json.dumps({"email_address": [f"load{n}@example.com"], "first_name": "Load"})
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(f"{url}/v1/users", body.encode(), headers)
        with urllib.request.urlopen(request) as answer:
            ids.append(json.load(answer)["id"])
    return ids


async def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--changes", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--users", type=int, help="one for each connection by default")
    args = parser.parse_args()
    host, _, port = args.url.removeprefix("http://").partition(":")
    ids = made(args.url, args.key, args.users or args.connections)

    def requests(user_id: str, first: int) -> Iterator[bytes]:
        for n in range(first, args.changes, args.connections):
            body = b'{"public_metadata":{"n":%d}}' % n
            yield (
                f"PATCH /v1/users/{user_id}/metadata HTTP/1.1\r\nhost: {host}\r\n"
                f"authorization: Bearer {args.key}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            ).encode() + body

    loop, took = asyncio.get_running_loop(), list[float]()
    done = [asyncio.Event() for _ in range(args.connections)]
    began = time.perf_counter()
    for n, end in enumerate(done):
        source = requests(ids[n % len(ids)], n)
        await loop.create_connection(
            lambda s=source, e=end: Connection(s, e, took), host, int(port)
        )
    await asyncio.gather(*(one.wait() for one in done))
    seconds = time.perf_counter() - began
    took.sort()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "p50_ms": took[len(took) // 2] * 1000,
                "p99_ms": took[len(took) * 99 // 100] * 1000,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
