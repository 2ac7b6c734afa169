"""Creates messages flat out or at a given rate; prints one line of JSON.

    python -m tests.bench.paced_load --url ... --key sk_... --app app_... --rate 500 --messages 5000

Each request is what the official client sends, with an idempotency key of its own and 1.5 KB of
payload. At a rate, messages come whether or not answers do: each carries the moment it came up, so
that latencies hold all waiting from there on, also that for a free connection. A slow server cannot
slow its own measurement down.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator

NOTE = b"x" * 1_420
BODY = b'{"eventType":"user.updated","payload":{"sent_ns":%d,"id":"user_%d","note":"%b"}}'


class Pool:
    """The connections to one server, and what they are to send."""

    def __init__(self, source: Iterator[tuple[int, bytes]], count: int, *, paced: bool) -> None:
        self.source = source
        self.paced = paced
        self.left = count
        self.due: deque[tuple[int, bytes]] = deque()
        self.idle: list[Connection] = []
        self.took: list[float] = []
        self.refused: list[str] = []
        self.lost = ""
        self.done = asyncio.Event()

    def add(self) -> None:
        """One more is due: send it now, or as soon as a connection is free."""
        self.due.append(next(self.source))
        if self.idle:
            self.idle.pop().next()

    def next(self) -> tuple[int, bytes] | None:
        """Return what a free connection sends: flat out there is always something."""
        if self.due:
            return self.due.popleft()
        return None if self.paced else next(self.source, None)

    def answered(self, at: int, head: bytes) -> None:
        """Note one answer."""
        if head.startswith(b"HTTP/1.1 20"):
            self.took.append((time.monotonic_ns() - at) / 1e6)
        else:
            self.refused.append(head[:200].decode("latin-1"))
        self.left -= 1
        if not self.left:
            self.done.set()


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.buffer = b""
        self.at = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        """Send one, or wait."""
        found = self.pool.next()
        if found is None:
            self.pool.idle.append(self)
            return
        self.at, request = found
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
        self.buffer = b""
        self.pool.answered(self.at, head)
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, and end: nothing counts then. An idle one may be closed, the others are enough."""
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        elif self.pool.left:
            self.pool.lost = f"a connection was lost: {exc}"
            self.pool.done.set()


def requests(host: str, key: str, apps: list[str], count: int) -> Iterator[tuple[int, bytes]]:
    """Make the requests to one server, each when it is asked for."""
    run = time.monotonic_ns()
    for n in range(count):
        now = time.monotonic_ns()
        body = BODY % (now, n, NOTE)
        head = (
            f"POST /api/v1/app/{apps[n % len(apps)]}/msg?with_content=false HTTP/1.1\r\n"
            f"host: {host}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
            f"user-agent: svix-libs/2.9.1/python\r\nsvix-req-id: {n}\r\n"
            f"idempotency-key: auto_{run:016x}{n:016x}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        yield now, head.encode() + body


def summary(pools: list[Pool]) -> dict[str, float]:
    """Count what was refused, and summarise how long answers took.

    Raises:
        SystemExit: a connection was lost, or nothing was accepted.
    """
    for pool in pools:
        if pool.lost or not pool.took:
            raise SystemExit(pool.lost or f"nothing was accepted: {pool.refused[0]}")
    refused = [one for pool in pools for one in pool.refused]
    if refused:
        print(f"{len(refused)} refused, first: {refused[0]}", file=sys.stderr)
    took = sorted(one for pool in pools for one in pool.took)
    return {
        "refused": len(refused),
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[len(took) * 99 // 100],
    }


def arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, action="append")
    parser.add_argument("--key", required=True)
    parser.add_argument("--app", required=True, action="append")
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0, help="messages per second; 0: flat out")
    parser.add_argument("--connections", type=int, default=64)
    return parser.parse_args()


async def main() -> None:
    """Run."""
    args = arguments()
    began = time.monotonic_ns()
    loop, pools, servers = asyncio.get_running_loop(), list[Pool](), len(args.url)
    for number, url in enumerate(args.url):
        host = url.removeprefix("http://")
        count = (args.messages - number + servers - 1) // servers
        pool = Pool(requests(host, args.key, args.app, count), count, paced=args.rate > 0)
        pools.append(pool)
        name, _, port = host.partition(":")
        for _ in range(args.connections // servers):
            await loop.create_connection(lambda p=pool: Connection(p), name, int(port))
    if args.rate:
        first, step = time.monotonic_ns(), 1e9 / args.rate
        for n in range(args.messages):
            while (wait := first + int(n * step) - time.monotonic_ns()) > 0:
                await asyncio.sleep(wait / 1e9)
            pools[n % servers].add()
    await asyncio.gather(*(pool.done.wait() for pool in pools))
    print(
        json.dumps(
            {"began_ns": began, "seconds": (time.monotonic_ns() - began) / 1e9, **summary(pools)}
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
