"""Where requests leave: through the sender, or to whoever listens."""

from collections.abc import Callable, Sequence

from consignease.edge.guard import Policy
from consignease.edge.outcome import Outcome, Request
from consignease.edge.sender import Sender
from consignease.edge.target import check_url
from consignease.work.listeners import Listeners

LISTEN_SCHEME = "listen:"
"""What the URL of a virtual endpoint begins with."""

LISTEN_TARGET = check_url("http://127.0.0.1/")
"""Stands in for an address where there is none; nothing connects to it."""

LISTEN_POLICY = Policy("listen", allow_private=True)
"""Marks requests that go to whoever listens."""

LISTEN_SCHEDULE = (1_000, 5_000, 30_000, *(60_000,) * 60)
"""Delays after failed tries of an application under development, in milliseconds: an hour."""


class Outlets:
    """A sender that hands what is addressed to listeners to them.

    Args:
        done: Takes outcomes; called from the sender's thread and from the event loop.
        changed: Told that an endpoint is, or is no longer, listened to.
        ca_file: Trusted certificates; None for the system's.
    """

    def __init__(
        self,
        done: Callable[[list[Outcome]], None],
        changed: Callable[[int], None],
        ca_file: str | None,
    ) -> None:
        self.listeners = Listeners(done, changed)
        self._sender = Sender(done, ca_file=ca_file)
        self.start = self._sender.start
        self.close = self._sender.close
        self.revive = self._sender.revive
        self.stamp: Callable[[Sequence[Request]], None] | None = None

    @property
    def alive(self) -> bool:
        """Whether the sender's thread runs."""
        return self._sender.alive

    def submit(self, batch: Sequence[Request]) -> None:
        """Send the requests; on the event loop. `stamp`, where there is one, sees them first."""
        if self.stamp is not None:
            self.stamp(batch)
        listened: list[Request] = []
        sent: list[Request] = []
        for request in batch:
            (listened if request.policy is LISTEN_POLICY else sent).append(request)
        if sent:
            self._sender.submit(sent)
        if listened:
            self.listeners.submit(listened)
