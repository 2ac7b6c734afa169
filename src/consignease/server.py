"""The composition root: settings and a folder become a running server."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from consignease.api.callers import Callers
from consignease.app.admins import is_set_up
from consignease.app.instances import NewInstance, set_up
from consignease.crash import crash_points
from consignease.domain.instances import Instance
from consignease.edge.clock import Clock
from consignease.edge.guard import DEVELOPMENT, production
from consignease.edge.resolver import Resolver, SystemResolver
from consignease.edge.tokens import new_key_pair
from consignease.edge.vault import Vault, new_key, read_keys
from consignease.folder import Folder, FolderError, InstanceKeys, KeyRing
from consignease.front import config_options
from consignease.http import HttpServer, http_server, listen_on
from consignease.observe.watch import Watch
from consignease.settings import Settings
from consignease.sites import Sites
from consignease.store import housekeeping, instances
from consignease.store.opening import AnyStore, open_store, prepare
from consignease.store.tx import Tx
from consignease.work.deliver import Deliverer
from consignease.work.lookout import Lookout
from consignease.work.reseal import Resealer
from consignease.work.retain import retain
from consignease.work.routes import route_loader
from consignease.work.sweep import sweep
from consignease.work.tasks import Tasks
from consignease.work.tidy import tidy

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_log = logging.getLogger("consignease")


class Server(Sites):
    """One server: the APIs, the store and the worker in one process.

    Args:
        settings: How to run.
        folder: Where the data is.
        resolver: Finds the addresses of endpoints; the system's if left out.
        ca_file: Certificates that endpoints are checked against, if not the system's.
        wall: Reads the wall clock, in Unix seconds.
        tracer: Takes traces, in place of the collector that the settings name.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Folder,
        *,
        resolver: Resolver | None = None,
        ca_file: str | None = None,
        wall: Callable[[], float] = time.time,
        tracer: "TracerProvider | None" = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.keys: list[InstanceKeys] = []
        self.port = settings.port
        self.setup_token = secrets.token_urlsafe(24)
        self.needs_setup = True
        self._resolver: Resolver = resolver or SystemResolver()
        self.watch = Watch(self._resolver, settings.traces_url, tracer)
        self._wall = wall
        self._ca_file = ca_file
        self._http: HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._instances: list[Instance] = []
        self._stopped = asyncio.Event()
        self.store: AnyStore
        self.worker: Deliverer

    async def start(self, listener: socket.socket | None = None) -> None:
        """Open the folder and begin to answer and to deliver.

        Args:
            listener: A listening socket shared with other servers; one of its own if left out.

        Raises:
            FolderError: the folder is in use or cannot be used.
            OSError: the address cannot be listened on.
        """
        if listener is None:
            listener = listen_on(self.settings.host, self.settings.port)
        self.port = listener.getsockname()[1]
        try:
            await self._open()
        except BaseException:
            listener.close()
            self.folder.unlock()
            raise
        site = self._site()
        # Traces see what passes by the application.
        straight = None if self.watch.traced else site.straight
        options = config_options(self._relay, self.settings.trusted_proxies, straight)
        http = self._http = http_server(self.settings, self.watch.app(site), options)
        self.watch.metrics.connections = lambda: len(http.server_state.connections)
        self._serving = asyncio.create_task(self._http.serve(sockets=[listener]))
        self._loops["reseal"] = asyncio.create_task(self._resealer.run())
        while not self._http.started:
            if self._serving.done():
                self._serving.result()
                msg = "the HTTP server ended before it began"
                raise RuntimeError(msg)
            await asyncio.sleep(0.002)
        self.folder.announce(self.base_url)

    async def start_worker(self) -> None:
        """Open the database that servers share, and deliver; only `worker_port` is listened on.

        Raises:
            FolderError: the folder cannot be used.
            Unavailable: the database or the port cannot.
        """
        await self._open()
        await self.watch.listen(self.settings, self._key_is_good)

    async def stop(self) -> None:
        """Finish requests, release leases, close the database."""
        self.worker.outlets.listeners.stop()
        self.store.tail.end()
        if self._http is not None:
            self._relay.stop()
        if self._http is not None and self._serving is not None:
            self._http.finish()
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
            self._hasher.close()
        await self.watch.stop()
        for loop in self._loops.values():
            loop.cancel()
        await self.worker.stop(self.settings.grace)
        with contextlib.suppress(Exception):
            await self._callers.note_uses()
            await self.store.write(housekeeping.tick, self._clock.now())
        await self.store.shut()
        if isinstance(self._resolver, SystemResolver):
            self._resolver.close()
        self.folder.unlock()

    def end(self) -> None:
        """Ask the server to end, as a signal does."""
        self._stopped.set()

    async def run_until_signal(self) -> None:
        """Serve until the process is asked to end (SIGINT or SIGTERM)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopped.set)
        await self._stopped.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await self.stop()

    # Putting it together

    async def _open(self) -> None:
        url = self.settings.database_url
        try:
            self.folder.lock()
        except FolderError:
            # Processes on one PostgreSQL database may share the keys in one folder.
            if not url:
                raise
        keys = self.folder.key_ring(new_key())
        ring = KeyRing(self.folder.path)
        self.keys = self.folder.instance_keys()
        self._vault = Vault(read_keys(keys), partial(_followed, ring))
        self._guards = {
            "development": DEVELOPMENT,
            "production": production(self.settings.allow_subnets),
        }
        crash = crash_points(os.environ.get("CONSIGNEASE_CRASH_AT", ""))
        self._clock = Clock(await prepare(self.folder.database, url), self._wall)
        self.worker = Deliverer(
            load=self._load_route,
            clock=self._clock,
            resolver=self.watch.names,
            concurrency=self.settings.endpoint_concurrency,
            ca_file=self._ca_file,
            crash=crash,
        )
        self.store = await open_store(self.folder.database, url, self.worker, self._heard, crash)
        self._callers = Callers(self.store, self._clock.now)
        self._resealer = Resealer(self.store, self._vault, ring, crash)
        self._loader = route_loader(
            self.store,
            self._vault,
            self._clock,
            self._guards,
            listening=self.worker.outlets.listeners.listening,
            schedule=tuple(round(delay * 1000) for delay in self.settings.retry_schedule),
            timeout_ms=round(self.settings.delivery_timeout * 1000),
            disable_after_ms=round(self.settings.disable_after * 1000),
            names=self.worker.meter.names,
        )
        await self._set_up_instances()
        self.needs_setup = not await self.store.read(is_set_up)
        if not all(keys.public_key for keys in self.keys):
            self.keys = self.folder.add_public_keys(await self.store.read(_public_keys))
        await self.worker.start(self.store)
        self._start_loops()
        self.watch.start(
            store=self.store,
            worker=self.worker,
            clock=self._clock,
            tasks=self._loops,
            folder=self.folder,
        )
        self.watch.health.parts["silence"] = self._lookout.report

    def _start_loops(self) -> None:
        tasks = Tasks(self.store, self._clock)
        self.worker.ring = tasks.ring
        self._lookout = Lookout(
            self.store,
            self._clock,
            lambda: self._instances,
            silence_ms=round(self.settings.silence_alert * 1000),
            smtp=(self.settings.smtp_url, self.settings.smtp_from),
            dashboard=f"{self.settings.public_url.rstrip('/') or self.base_url}/dashboard",
        )
        loops = {
            "tidy": tidy(self.store, self._clock),
            "retain": retain(self.store, self._clock, self.settings.keep),
            "keys": self._callers.run(),
            "tasks": tasks.run(),
            "lookout": self._lookout.run(),
        }
        if not self.store.alone:
            loops["sweep"] = sweep(self.store, self.worker, self._clock)
        self._loops = {name: asyncio.create_task(loop) for name, loop in loops.items()}

    async def _load_route(self, endpoint: int) -> Any:
        return await self._loader(endpoint)

    async def _set_up_instances(self) -> None:
        self._instances = await self.store.read(instances.all_of_them)
        present = {instance.name for instance in self._instances}
        wanted: list[NewInstance] = []
        for keys in self.keys:
            if keys.name in present:
                continue
            public, private = await asyncio.to_thread(new_key_pair)
            wanted.append(
                NewInstance(
                    id=keys.id,
                    name=keys.name,
                    app_id=keys.application_id,
                    frontend_host=keys.frontend_host,
                    secret_key=keys.secret_key,
                    token_public_pem=public,
                    token_private_sealed=self._vault.seal(private, keys.id),
                )
            )
        if wanted:
            self._instances = await self.store.write(set_up, wanted, self._clock.now())

    def _heard(self, topic: str) -> None:
        """Follow what another process on the database has told."""
        self._callers.forget()
        self.worker.begun()
        if topic == "missed":
            for endpoint in list(self.worker.gates):
                self.worker.changed(endpoint)


def _followed(ring: KeyRing) -> dict[int, bytes] | None:
    changed = ring.follow()
    return None if changed is None else read_keys(changed)


def _public_keys(tx: Tx) -> dict[str, str]:
    return {row["kid"]: row["public_pem"] for row in instances.token_keys(tx)}
