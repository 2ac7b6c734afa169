"""Everything that watches one server, put together."""

import asyncio
from collections.abc import Mapping

from consignease.edge.clock import Clock
from consignease.edge.resolver import Resolver
from consignease.folder import Folder
from consignease.observe.backlog import Backlog
from consignease.observe.health import Health
from consignease.observe.metrics import Metrics
from consignease.observe.names import WatchedResolver
from consignease.observe.parts import Parts
from consignease.observe.pulse import Pulse
from consignease.observe.requests import Requests
from consignease.store.opening import AnyStore
from consignease.work.deliver import Deliverer


class Watch:
    """What a server is watched by.

    Args:
        resolver: Finds the addresses of endpoints.

    Attributes:
        names: The same resolver, watched; to be used in its place.
        requests: To be told of each request to the APIs.
        health: The parts of the server, once it is started.
        metrics: The page of numbers, once it is started.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.names = WatchedResolver(resolver)
        self.requests = Requests()
        self.health: Health
        self.metrics: Metrics
        self._pulse: Pulse

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

    def stop(self) -> None:
        """End."""
        self._pulse.stop()
