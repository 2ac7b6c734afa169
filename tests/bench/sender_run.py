"""One run of the sender alone, without storage: the floor that the engine stands on."""

import argparse
import asyncio
import json
import os
import time

import uvloop

from consignease.edge.guard import DEVELOPMENT
from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain_sender import PlainSender
from consignease.edge.target import check_url
from consignease.wire.signing import Signer, generate_secret, sign_all
from tests.bench.bench_verify import user_updated


def main() -> None:
    """Parse the options, run, print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    target = check_url(options.url + "/raw")
    signers = [Signer.of(generate_secret())]
    body = user_updated()
    finished = asyncio.Event()
    left = options.requests
    done = 0

    def make(count: int) -> list[Request]:
        made: list[Request] = []
        for number in range(count):
            second = int(time.time())
            name = f"msg_{number}"
            signature = sign_all(signers, name, second, body)
            headers = [
                "Content-Type: application/json",
                "Accept: */*",
                f"svix-id: {name}",
                f"svix-timestamp: {second}",
                f"svix-signature: {signature}",
                f"webhook-id: {name}",
                f"webhook-timestamp: {second}",
                f"webhook-signature: {signature}",
            ]
            made.append(
                Request(
                    None,
                    target.url,
                    target.host,
                    target.port,
                    target.host,
                    headers,
                    body,
                    15_000,
                    DEVELOPMENT,
                )
            )
        return made

    def on_done(outcomes: list[Outcome]) -> None:
        nonlocal left, done
        done += len(outcomes)
        more = min(len(outcomes), left)
        left -= more
        if more:
            sender.submit(make(more))
        if done == options.requests:
            finished.set()

    sender = PlainSender(on_done)

    async def run() -> None:
        nonlocal left
        sender.start()
        wall, cpu = time.perf_counter(), time.process_time()
        left -= options.in_flight
        sender.submit(make(options.in_flight))
        async with asyncio.timeout(300):
            await finished.wait()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        sender.close()
        print(json.dumps({"rate": done / wall, "cpu_us": cpu / done * 1e6}))

    uvloop.run(run())


if __name__ == "__main__":
    main()
