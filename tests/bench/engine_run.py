"""One run of the engine alone, in a process of its own: publish, sign, POST, record.

Prints one line of JSON. The functions are the server's own: `publish` in a unit
of work of the store, the worker with its guard, lanes and callbacks.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from consignease.app.endpoints import columns
from consignease.app.publish import publish
from consignease.domain.endpoints import Endpoint
from consignease.domain.events import NewEvent
from consignease.domain.instances import Instance
from consignease.edge.clock import Clock
from consignease.edge.guard import DEVELOPMENT
from consignease.edge.resolver import SystemResolver
from consignease.edge.vault import Vault
from consignease.store import endpoints, instances
from consignease.store.database import migrate
from consignease.store.engine import Store
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from consignease.wire.signing import generate_secret
from consignease.work.deliver import Deliverer
from consignease.work.routes import route_loader
from tests.bench.bench_verify import user_updated

USERS = 5_000


class Paced(Deliverer):
    """The worker, telling whoever publishes when messages are done with."""

    fan_out = 1
    recorded = 0
    gate: asyncio.Semaphore

    def _recorded(self, tried: Any, done: Any) -> None:
        super()._recorded(tried, done)
        before = self.recorded // self.fan_out
        self.recorded += len(tried)
        for _ in range(self.recorded // self.fan_out - before):
            self.gate.release()


def payload() -> bytes:
    """The data of a user.updated, such that the whole event has about 2 KB."""
    body = user_updated()
    start = body.index(b'"data":') + len(b'"data":')
    decoder = json.JSONDecoder()
    _, end = decoder.raw_decode(body[start:].decode())
    return body[start:].decode()[:end].encode()


def _set_up(tx: Tx, vault: Vault, url: str, fan_out: int) -> Instance:
    instance = instances.add(
        tx,
        id=new_id("ins"),
        name="development",
        frontend_host="a.test",
        app_id=new_id("app"),
        now=1,
    )
    for number in range(fan_out):
        endpoint = Endpoint(id=new_id("ep"), url=f"{url}/{number}", created_at=1, updated_at=1)
        values = {"app": instance.app, **columns(endpoint)}
        row = endpoints.insert(tx, values)
        sealed = vault.seal(generate_secret().encode(), row["id"])
        endpoints.add_secret(tx, row["no"], sealed, 1)
    return instance


async def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run and return what was measured."""
    path = folder / "bench.db"
    migrate(path)
    clock, vault = Clock(), Vault({1: os.urandom(32)})
    worker = Paced(load=lambda no: loader(no), clock=clock, resolver=SystemResolver())
    worker.fan_out = options.fan_out
    worker.gate = asyncio.Semaphore(options.in_flight)
    store = Store(path, hand=worker)
    loader = route_loader(store, vault, clock, {"development": DEVELOPMENT})
    instance = await store.write(_set_up, vault, options.url, options.fan_out)
    await worker.start(store)
    users = [new_id("user") for _ in range(USERS)]
    data = payload()
    marker = b'"first_name":"Zo\xc3\xab"'
    assert marker in data
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    turn = 0

    async def one() -> None:
        nonlocal turn
        await worker.gate.acquire()
        user = users[turn % USERS]
        turn += 1
        stamp = b'"sent_ns":%d,' % time.monotonic_ns()
        event = NewEvent(
            type="user.updated", object_id=user, subject=user, data=b"{" + stamp + data[1:]
        )
        await store.write(publish, instance, event, clock.now())

    async def flat_out(count: int) -> None:
        left = count

        async def publisher() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await one()

        await asyncio.gather(*[publisher() for _ in range(options.publishers)])

    async def at_rate(count: int) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        tasks: set[asyncio.Task[None]] = set()
        sent = 0
        while sent < count:
            due = min(count, int((loop.time() - begin) * options.rate / options.fan_out) + 1)
            for _ in range(due - sent):
                task = asyncio.ensure_future(one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            sent = due
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)

    drive = at_rate if options.rate else flat_out
    await drive(options.warm_up)
    await _drained(worker, options.warm_up * options.fan_out)
    groups, units = store.groups, store.units
    wall, cpu = time.perf_counter(), time.process_time()
    await drive(options.messages)
    await _drained(worker, (options.warm_up + options.messages) * options.fan_out)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    wanted = options.messages * options.fan_out
    counts = await store.read(_counts)
    result = {
        "deliveries": wanted,
        "rate": wanted / wall,
        "cpu_us": cpu / wanted * 1e6,
        "units_per_commit": (store.units - units) / max(1, store.groups - groups),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **counts,
    }
    await worker.stop(5)
    store.close()
    return result


async def _drained(worker: Paced, wanted: int) -> None:
    while worker.recorded < wanted:
        await asyncio.sleep(0.002)


def _counts(tx: Tx) -> dict[str, int]:
    return {
        "succeeded": tx.one("SELECT count(*) FROM delivery WHERE state = 3")[0],
        "open": tx.one("SELECT count(*) FROM delivery WHERE state < 3")[0],
        "attempts": tx.one("SELECT count(*) FROM attempt")[0],
    }


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--warm-up", type=int, default=2_000)
    parser.add_argument("--publishers", type=int, default=128)
    parser.add_argument("--in-flight", type=int, default=110)
    parser.add_argument("--fan-out", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0, help="deliveries/s; 0 for flat out")
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(uvloop.run(run(options, Path(folder)))))


if __name__ == "__main__":
    main()
