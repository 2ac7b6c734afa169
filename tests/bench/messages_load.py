"""Creates messages through the webhook API as fast as it goes; prints one line of JSON.

    python -m tests.bench.messages_load --url http://127.0.0.1:4010 --key sk_... --app app_...

Each request is what the official client sends: an `Idempotency-Key` of its own, 1.5 KB of payload.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator

from tests.bench.users_load import Connection

PAYLOAD = b'{"eventType":"user.updated","payload":{"id":"user_%d","note":"' + b"x" * 1_450 + b'"}}'


async def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, action="append")
    parser.add_argument("--key", required=True)
    parser.add_argument("--app", required=True, action="append")
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    args = parser.parse_args()

    def requests(first: int, host: str) -> Iterator[bytes]:
        for n in range(first, args.messages, args.connections):
            body = PAYLOAD % n
            app = args.app[n % len(args.app)]
            yield (
                f"POST /api/v1/app/{app}/msg?with_content=false HTTP/1.1\r\nhost: {host}\r\n"
                f"authorization: Bearer {args.key}\r\ncontent-type: application/json\r\n"
                f"user-agent: svix-libs/2.9.1/python\r\nsvix-req-id: {n}\r\n"
                f"idempotency-key: auto_{first:08x}-{n:023x}\r\ncontent-length: {len(body)}\r\n\r\n"
            ).encode() + body

    loop, took = asyncio.get_running_loop(), list[float]()
    done = [asyncio.Event() for _ in range(args.connections)]
    began = time.perf_counter()
    for n, end in enumerate(done):
        host, _, port = args.url[n % len(args.url)].removeprefix("http://").partition(":")
        source = requests(n, host)
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
