"""What a server answers: its APIs and its pages, put together."""

import contextlib
from functools import partial

from consignease.api import svix
from consignease.api.callers import Callers
from consignease.api.clerk_backend import OPS, ClerkDialect, description
from consignease.api.clerk_images import avatars
from consignease.api.dispatch import Api
from consignease.api.events import events_ops
from consignease.api.key_sets import key_sets
from consignease.api.listen import listen_ops
from consignease.api.ops import Services
from consignease.api.site import Site
from consignease.api.svix import SvixDialect, svix_ops
from consignease.api.svix_absent import absent_ops
from consignease.api.tunnels import tunnel_ops
from consignease.dashboard.portal import Portal
from consignease.dashboard.site import Dashboard
from consignease.dashboard.visit import Deps
from consignease.domain.access import Need
from consignease.domain.faults import Unavailable
from consignease.domain.instances import Instance
from consignease.edge.clock import Clock
from consignease.edge.guard import Policy
from consignease.edge.passwords import Hasher
from consignease.edge.vault import Vault
from consignease.http import HttpServer
from consignease.observe.watch import Watch
from consignease.settings import Settings
from consignease.store.opening import AnyStore
from consignease.tunnel.relay.site import Relay
from consignease.work.deliver import Deliverer
from consignease.work.reseal import Resealer


class Sites:
    """The part of a server that is seen from outside; `Server` fills in what it works with."""

    settings: Settings
    port: int
    setup_token: str
    needs_setup: bool
    store: AnyStore
    worker: Deliverer
    watch: Watch
    _callers: Callers
    _clock: Clock
    _guards: dict[str, Policy]
    _http: HttpServer | None
    _instances: list[Instance]
    _relay: Relay
    _resealer: Resealer
    _vault: Vault

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

    def _site(self) -> Site:
        self._hasher = Hasher(development=False)
        services = Services(
            store=self.watch.units(self.store),
            authenticate=self._callers.find,
            hash_password=self._hasher.hash,
            verify_password=self._hasher.verify,
            outdated=self._hasher.outdated,
            vault=self._vault,
            now=self._clock.now,
            observe=self.watch.requests.add,
        )
        webhook_ops = svix_ops(
            self._vault,
            self._guards,
            public_url=self.settings.public_url or self.base_url,
            forget_keys=self._forget_keys,
            rotation=self._resealer,
            log=self.store,
        )
        self._relay = Relay(
            store=self.store,
            authenticate=self._instance_of,
            now=self._clock.now,
            base_url=self.settings.public_url or self.base_url,
            domain=self.settings.tunnel_domain,
            foreign=self.settings.svix_relay,
        )
        dashboard = self._dashboard()
        listen = (*listen_ops(self.worker.outlets.listeners), *tunnel_ops(self._relay))
        return Site(
            backend=Api(OPS, ClerkDialect(), services),
            webhooks=Api((*webhook_ops, *absent_ops(webhook_ops)), SvixDialect(), services),
            events=Api(events_ops(self.store), ClerkDialect(), services),
            listen=Api(listen, ClerkDialect(), services),
            capture=self._relay.capture,
            status=self.watch.status(self.settings, self._key_is_good),
            dashboard=dashboard,
            portal=Portal(dashboard.deps),
            descriptions={
                "/openapi/backend-api.json": description,
                "/api/v1/openapi.json": partial(svix.description, webhook_ops),
            },
            avatars=avatars(services),
            key_sets=key_sets(services),
        )

    def _dashboard(self) -> Dashboard:
        settings = self.settings
        secure = bool(settings.tls_cert) or settings.behind_proxy
        return Dashboard(
            Deps(
                store=self.store,
                vault=self._vault,
                guards=self._guards,
                resolver=self.watch.names,
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

    def _forget_keys(self) -> None:
        self._callers.forget()
        self.store.tell("keys")

    async def _instance_of(self, key: str) -> Instance | None:
        """Return whose key it is that may do everything; None for any other."""
        caller = await self._callers.find(key)
        return caller.instance if caller is not None and caller.may(Need.ADMIN) else None

    async def _key_is_good(self, key: str) -> bool:
        with contextlib.suppress(Unavailable):  # nobody can say while the database is away
            return await self._instance_of(key) is not None
        return False
