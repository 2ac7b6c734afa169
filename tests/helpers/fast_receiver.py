"""A receiver for benchmarks and kill tests, in a process of its own.

    python -m tests.helpers.fast_receiver --port 0 --record received.txt

prints one line of JSON with its port when it listens. It answers every POST
with 200 (or, for the share `--fail`, with 500), counts by message id (`svix-id`
or `webhook-id`), and takes a latency where the body holds `"sent_ns":<number>`
of the same monotonic clock. `GET /__stats`, `/__ids` (id to first receipt in
ns) and `/__reset` are for whoever started it. `--record` appends every id that
was answered with 200, one a line, before the answer is sent.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import time
from pathlib import Path
from typing import TextIO, cast

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BAD = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"
_SENT = re.compile(rb'"sent_ns": ?(\d+)')


class Counter:
    """What was received."""

    def __init__(self, fail: float, seed: int, record: TextIO | None) -> None:
        self.fail = fail
        self.dice = random.Random(seed).random
        self.record = record
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.count = self.refused = self.duplicates = 0
        self.first: dict[bytes, int] = {}
        self.latencies: list[int] = []

    def take(self, body: bytes, message: bytes) -> bytes:
        """Count one request and return the answer."""
        now = time.monotonic_ns()
        self.count += 1
        if self.fail and self.dice() < self.fail:
            self.refused += 1
            return _BAD
        if message in self.first:
            self.duplicates += 1
        else:
            self.first[message] = now
        sent = _SENT.search(body)
        if sent is not None:
            self.latencies.append(now - int(sent[1]))
        if self.record is not None:
            self.record.write(message.decode("latin-1") + "\n")
            self.record.flush()
        return _OK

    def stats(self) -> dict[str, object]:
        """Summarise; latencies in nanoseconds."""
        ordered = sorted(self.latencies)
        latency = {
            name: ordered[min(len(ordered) - 1, int(len(ordered) * share))]
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
            if ordered
        }
        return {
            "count": self.count,
            "refused": self.refused,
            "unique": len(self.first),
            "duplicates": self.duplicates,
            "latencies": len(ordered),
            "latency_ns": latency,
        }

    def control(self, path: bytes) -> bytes:
        """Answer a control request."""
        if path == b"/__reset":
            self.reset()
        found: object = self.stats()
        if path == b"/__ids":
            found = {message.decode("latin-1"): at for message, at in self.first.items()}
        body = json.dumps(found).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _value(data: bytes, name: bytes, end: int) -> bytes:
    """Return the header `name` (as the sender under test spells it), or nothing."""
    at = data.find(name, 0, end)
    return data[at + len(name) : data.index(b"\r\n", at + len(name))] if at >= 0 else b""


class _Connection(asyncio.Protocol):
    """Reads requests by hand; no more than counting needs."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast("asyncio.WriteTransport", transport).write

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        while data:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                break
            length = _value(data, b"\r\nContent-Length: ", end)
            length = length or _value(data, b"\r\ncontent-length: ", end) or b"0"
            message = _value(data, b"\r\nsvix-id: ", end) or _value(data, b"\r\nwebhook-id: ", end)
            total = end + 4 + int(length)
            if len(data) < total:
                break
            if data.startswith(b"GET "):
                self.write(self.counter.control(data[4 : data.index(b" ", 4)]))
            else:
                self.write(self.counter.take(data[end + 4 : total], message))
            data = data[total:]
        self.buffer = data


async def serve(counter: Counter, port: int) -> None:
    """Listen until cancelled, and say where."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counter), "127.0.0.1", port, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record")
    parser.add_argument("--fail", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        record = None
        if options.record:
            record = stack.enter_context(Path(options.record).open("a", encoding="utf-8"))
        counter = Counter(options.fail, options.seed, record)
        runner = stack.enter_context(asyncio.Runner(loop_factory=new_event_loop))
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        runner.run(serve(counter, options.port))


if __name__ == "__main__":
    main()
