"""The usual first design as a baseline: one POST after the other with an HTTP library."""

import argparse
import json
import os
import time

import httpx2

from consignease.wire.signing import Signer, generate_secret
from tests.bench.bench_verify import user_updated


def main() -> None:
    """Parse the options, run, print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    signer = Signer.of(generate_secret())
    body = user_updated()
    with httpx2.Client() as client:
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(options.requests):
            second = int(time.time())
            name = f"msg_naive{number}"
            headers = {
                "content-type": "application/json",
                "svix-id": name,
                "svix-timestamp": str(second),
                "svix-signature": signer.sign(name, second, body),
            }
            assert client.post(options.url + "/naive", content=body, headers=headers).is_success
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"rate": options.requests / wall, "cpu_us": cpu / options.requests * 1e6}))


if __name__ == "__main__":
    main()
