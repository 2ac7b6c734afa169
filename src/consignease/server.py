"""The composition root: settings and a folder become a running server."""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from consignease.api import svix
from consignease.api.clerk_backend import OPS, ClerkDialect, description
from consignease.api.clerk_images import avatars
from consignease.api.dispatch import Api
from consignease.api.listen import listen_ops
from consignease.api.ops import Services
from consignease.api.site import Site
from consignease.api.svix import SvixDialect, svix_ops
from consignease.api.tunnels import tunnel_ops
from consignease.app.admins import is_set_up
from consignease.app.instances import NewInstance, set_up
from consignease.dashboard.site import Dashboard
from consignease.dashboard.visit import Deps
from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash
from consignease.edge.clock import Clock
from consignease.edge.guard import DEVELOPMENT, production
from consignease.edge.passwords import Hasher
from consignease.edge.resolver import Resolver, SystemResolver
from consignease.edge.tokens import new_key_pair
from consignease.edge.vault import Vault, new_key, read_key
from consignease.folder import Folder, FolderError, InstanceKeys
from consignease.front import config_options
from consignease.settings import Settings
from consignease.store import housekeeping, instances
from consignease.store.opening import AnyStore, open_store, prepare
from consignease.store.tx import Tx
from consignease.tunnel.relay.site import Relay
from consignease.work.deliver import Deliverer
from consignease.work.routes import route_loader
from consignease.work.sweep import sweep
from consignease.work.tidy import tidy

_log = logging.getLogger("consignease")


class Server:
    """One server: the APIs, the store and the worker in one process.

    Args:
        settings: How to run.
        folder: Where the data is.
        resolver: Finds the addresses of endpoints; the system's if left out.
        ca_file: Certificates that endpoints are checked against, if not the system's.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Folder,
        *,
        resolver: Resolver | None = None,
        ca_file: str | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.keys: list[InstanceKeys] = []
        self.port = settings.port
        self.setup_token = secrets.token_urlsafe(24)
        self.needs_setup = True
        self._resolver: Resolver = resolver or SystemResolver()
        self._ca_file = ca_file
        self._http: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._authenticated: dict[str, Instance] = {}
        self._instances: list[Instance] = []
        self._stopped = asyncio.Event()
        self.store: AnyStore
        self.worker: Deliverer

    @property
    def dashboard_url(self) -> str:
        """Where the Dashboard is; the one-time set-up link as long as nobody has an account."""
        base = self.settings.public_url.rstrip("/") or self.base_url
        if self.needs_setup:
            return f"{base}/dashboard?setup={self.setup_token}"
        return f"{base}/dashboard"

    @property
    def base_url(self) -> str:
        """Where the server is reached from this machine."""
        host = self.settings.host
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        scheme = "https" if self.settings.tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def start(self) -> None:
        """Open the folder and begin to answer and to deliver.

        Raises:
            FolderError: the folder is in use or cannot be used.
            OSError: the address cannot be listened on.
        """
        listener = _listen(self.settings.host, self.settings.port)
        self.port = listener.getsockname()[1]
        try:
            await self._open()
        except BaseException:
            listener.close()
            self.folder.unlock()
            raise
        site = self._site()
        config = uvicorn.Config(
            site,
            **config_options(self._relay.upgraded),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=bool(self.settings.trusted_proxies),
            forwarded_allow_ips=self.settings.trusted_proxies,
            ssl_certfile=self.settings.tls_cert or None,
            ssl_keyfile=self.settings.tls_key or None,
            timeout_graceful_shutdown=round(self.settings.grace),
            timeout_keep_alive=75,
        )
        self._http = _Http(config)
        self._serving = asyncio.create_task(self._http.serve(sockets=[listener]))
        while not self._http.started:
            if self._serving.done():
                self._serving.result()
                msg = "the HTTP server ended before it began"
                raise RuntimeError(msg)
            await asyncio.sleep(0.002)
        self.folder.announce(self.base_url)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    async def start_worker(self) -> None:
        """Open the database that servers share, and deliver; nothing is listened on.

        Raises:
            FolderError: the folder cannot be used.
            Unavailable: the database cannot.
        """
        await self._open()

    async def stop(self) -> None:
        """Finish requests, release leases, close the database."""
        self.worker.outlets.listeners.stop()
        if self._http is not None:
            self._relay.stop()
        if self._http is not None and self._serving is not None:
            self._http.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
            self._hasher.close()
        for loop in self._loops:
            loop.cancel()
        await self.worker.stop(self.settings.grace)
        with contextlib.suppress(Exception):
            await self.store.write(housekeeping.tick, self._clock.now())
        await self.store.shut()
        if isinstance(self._resolver, SystemResolver):
            self._resolver.close()
        self.folder.unlock()
        gc.unfreeze()

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
        ring = self.folder.key_ring(new_key())
        self.keys = self.folder.instance_keys()
        self._vault = Vault({number: read_key(text) for number, text in ring.items()})
        self._guards = {
            "development": DEVELOPMENT,
            "production": production(self.settings.allow_subnets),
        }
        crash = crash_points(os.environ.get("CONSIGNEASE_CRASH_AT", ""))
        self._clock = Clock(await prepare(self.folder.database, url))
        self.worker = Deliverer(
            load=self._load_route,
            clock=self._clock,
            resolver=self._resolver,
            concurrency=self.settings.endpoint_concurrency,
            ca_file=self._ca_file,
            crash=crash,
        )
        self.store = await open_store(self.folder.database, url, self.worker, self._heard, crash)
        self._loader = route_loader(
            self.store,
            self._vault,
            self._clock,
            self._guards,
            listening=self.worker.outlets.listeners.listening,
            schedule=tuple(round(delay * 1000) for delay in self.settings.retry_schedule),
            timeout_ms=round(self.settings.delivery_timeout * 1000),
        )
        await self._set_up_instances()
        self.needs_setup = not await self.store.read(is_set_up)
        if not all(keys.public_key for keys in self.keys):
            self.keys = self.folder.add_public_keys(await self.store.read(_public_keys))
        await self.worker.start(self.store)
        self._loops = [asyncio.create_task(tidy(self.store, self._clock))]
        if not self.store.alone:
            self._loops.append(asyncio.create_task(sweep(self.store, self.worker, self._clock)))

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

    def _site(self) -> Site:
        self._hasher = Hasher(development=False)
        services = Services(
            store=self.store,
            authenticate=self._authenticate,
            hash_password=self._hasher.hash,
            verify_password=self._hasher.verify,
            outdated=self._hasher.outdated,
            vault=self._vault,
            now=self._clock.now,
        )
        webhook_ops = svix_ops(self._vault, self._guards)
        self._relay = Relay(
            store=self.store,
            authenticate=self._authenticate,
            now=self._clock.now,
            base_url=self.settings.public_url or self.base_url,
            domain=self.settings.tunnel_domain,
            proxied=bool(self.settings.trusted_proxies),
            foreign=self.settings.svix_relay,
        )
        listen = (*listen_ops(self.worker.outlets.listeners), *tunnel_ops(self._relay))
        return Site(
            backend=Api(OPS, ClerkDialect(), services),
            webhooks=Api(webhook_ops, SvixDialect(), services),
            listen=Api(listen, ClerkDialect(), services),
            relay=self._relay,
            health=self._health,
            dashboard=self._dashboard(),
            descriptions={
                "/openapi/backend-api.json": description(),
                "/api/v1/openapi.json": svix.description(webhook_ops),
            },
            avatars=avatars(services),
        )

    def _dashboard(self) -> Dashboard:
        settings = self.settings
        secure = bool(settings.tls_cert) or settings.behind_proxy
        return Dashboard(
            Deps(
                store=self.store,
                vault=self._vault,
                guards=self._guards,
                resolver=self._resolver,
                hash_password=self._hasher.hash,
                verify_password=self._hasher.verify,
                instances=lambda: {one.name: one for one in self._instances},
                now=self._clock.now,
                wall=self._clock.wall,
                changes=lambda: self.store.units,
                forget_keys=self._forget_keys,
                setup_token=self.setup_token,
                public_url=settings.public_url,
                started_at=self._clock.now(),
                # Browsers keep cookies by host, not by port: two servers must not share one.
                cookie="__Host-consignease" if secure else f"consignease_{self.port}",
                secure=secure,
                stopping=self._is_stopping,
            )
        )

    def _is_stopping(self) -> bool:
        return self._http is not None and self._http.should_exit

    async def _authenticate(self, key: str) -> Instance | None:
        found = self._authenticated.get(key)
        if found is None:
            found = await self.store.read(instances.by_secret_key, key_hash(key))
            if found is not None:
                self._authenticated[key] = found
        return found

    def _forget_keys(self) -> None:
        self._authenticated.clear()
        self.store.tell("keys")

    def _heard(self, topic: str) -> None:
        """Follow what another process on the database has told."""
        self._authenticated.clear()
        if topic == "missed":
            for endpoint in list(self.worker.gates):
                self.worker.changed(endpoint)

    def _health(self) -> dict[str, str]:
        return {"database": self.store.failure or "ok", "worker": "ok"}


class _Http(uvicorn.Server):
    """uvicorn without its own signal handling: the process is ours to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave signals alone."""
        yield


def _public_keys(tx: Tx) -> dict[str, str]:
    return {row["kid"]: row["public_pem"] for row in instances.token_keys(tx)}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def crash_points(wanted: str) -> Callable[[str], None] | None:
    """Make the hook that ends the process at a named point, for fault tests.

    Args:
        wanted: The name of a point and how many times to pass it first, such as
            ``after-commit:25``; empty for none.
    """
    if not wanted:
        return None
    point, _, count = wanted.partition(":")
    left = int(count or 0)

    def crash(name: str) -> None:
        nonlocal left
        if name == point:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    return crash
