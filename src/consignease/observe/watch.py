"""Everything that watches one server, put together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from consignease.api.ops import Units
from consignease.api.site import App
from consignease.api.status import Status
from consignease.domain.faults import Unavailable
from consignease.edge.clock import Clock
from consignease.edge.resolver import Resolver
from consignease.folder import Folder
from consignease.observe.backlog import Backlog
from consignease.observe.health import Health
from consignease.observe.metrics import Metrics
from consignease.observe.names import WatchedResolver
from consignease.observe.parts import Parts
from consignease.observe.port import open_port
from consignease.observe.pulse import Pulse
from consignease.observe.requests import Requests
from consignease.settings import Settings
from consignease.store.opening import AnyStore
from consignease.work.deliver import Deliverer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from consignease.observe.traces import Traces


class Watch:
    """What a server is watched by.

    Args:
        resolver: Finds the addresses of endpoints.
        traces_url: Where traces are sent; empty for none.
        provider: Takes them instead, if given.

    Raises:
        Unavailable: traces are wanted and the extra ``otel`` is not installed.

    Attributes:
        names: The same resolver, watched; to be used in its place.
        requests: To be told of each request to the APIs.
        health: The parts of the server, once it is started.
        metrics: The page of numbers, once it is started.
    """

    def __init__(
        self, resolver: Resolver, traces_url: str = "", provider: "TracerProvider | None" = None
    ) -> None:
        self.names = WatchedResolver(resolver)
        self.requests = Requests()
        self.health: Health
        self.metrics: Metrics
        self._pulse: Pulse
        self._port: asyncio.Server | None = None
        self._traces: Traces | None = None
        if traces_url or provider is not None:
            self._traces = _traces(traces_url, provider)
            self.requests.also = self._traces.answered

    def start(
        self,
        *,
        store: AnyStore,
        worker: Deliverer,
        clock: Clock,
        tasks: Mapping[str, "asyncio.Task[None]"],
        folder: Folder,
    ) -> None:
        """Begin to watch, on the server's event loop.

        Args:
            store: The open database.
            worker: The worker.
            clock: The time.
            tasks: The loops that run beside the event loop, by name.
            folder: Where the data is.
        """
        if self._traces is not None:
            self._traces.watch(worker.meter, worker.outlets)
        self._pulse = Pulse(worker.outlets, tasks)
        self._pulse.start()
        backlog = Backlog(store, clock.now)
        self.metrics = Metrics(
            store=store,
            worker=worker,
            backlog=backlog,
            names=self.names,
            pulse=self._pulse,
            requests=self.requests,
            database=folder.database if store.alone else None,
        )
        parts = Parts(
            store=store,
            outlets=worker.outlets,
            clock=clock,
            backlog=backlog,
            names=self.names,
            pulse=self._pulse,
            folder=folder.path,
        )
        self.health = Health(parts.all())

    @property
    def traced(self) -> bool:
        """Whether traces are wanted."""
        return self._traces is not None

    def app(self, site: App) -> App:
        """Return the ASGI application, traced if traces are wanted."""
        return site if self._traces is None else self._traces.app(site)

    def units(self, store: Units) -> Units:
        """Return the store that the APIs use, traced if traces are wanted."""
        return store if self._traces is None else self._traces.units(store)

    def status(self, settings: Settings, key_is_good: Callable[[str], Awaitable[bool]]) -> Status:
        """Return what answers health and metrics.

        Args:
            settings: Say who may read them.
            key_is_good: Whether a secret key is one of an instance's.
        """
        return Status(
            self.health.report,
            self.metrics.page,
            key_is_good,
            token=settings.metrics_token,
            public_url=settings.public_url,
        )

    async def listen(
        self, settings: Settings, key_is_good: Callable[[str], Awaitable[bool]]
    ) -> None:
        """Answer health and metrics on the port of a worker, if one is set.

        Raises:
            Unavailable: the port is in use.
        """
        if settings.worker_port:
            answer = self.status(settings, key_is_good)
            self._port = await open_port(answer, settings.worker_port)

    async def stop(self) -> None:
        """End, and send what is not sent yet."""
        self._pulse.stop()
        if self._port is not None:
            self._port.close()
        if self._traces is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._traces.close)


def _traces(url: str, provider: "TracerProvider | None") -> "Traces":
    try:
        from consignease.observe.traces import Traces, exporting

        return Traces(provider or exporting(url))
    except ModuleNotFoundError as error:
        msg = "Traces need more packages."
        raise Unavailable(msg, detail="Install consignease[server,otel].") from error
