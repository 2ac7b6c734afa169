"""Where requests leave: through one of the senders, or to whoever listens."""

import asyncio
from collections.abc import Callable, Sequence

from consignease.edge.guard import Policy
from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain_sender import PlainSender, is_plain
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
    """Hands each request to who can send it.

    Args:
        done: Takes outcomes; called from the sender's thread and, at any moment, on the
            event loop.
        done_here: Takes outcomes; called on the event loop, never from within `submit`.
        changed: Told that an endpoint is, or is no longer, listened to.
        ca_file: Trusted certificates; None for the system's.
    """

    def __init__(
        self,
        done: Callable[[list[Outcome]], None],
        done_here: Callable[[list[Outcome]], None],
        changed: Callable[[int], None],
        ca_file: str | None,
    ) -> None:
        self.listeners = Listeners(done, changed)
        self._sender = Sender(done, ca_file=ca_file)
        self._plain = PlainSender(done_here)
        self.revive = self._sender.revive
        self.stamp: Callable[[Sequence[Request]], None] | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._sender.start()
        self._plain.start()

    async def close(self) -> None:
        """Stop: what is under way comes back with phase `stopped`."""
        self._plain.close()
        await asyncio.get_running_loop().run_in_executor(None, self._sender.close, 0)

    @property
    def alive(self) -> bool:
        """Whether the sender's thread runs."""
        return self._sender.alive

    def submit(self, batch: Sequence[Request]) -> None:
        """Send the requests; on the event loop. `stamp`, where there is one, sees them first."""
        if self.stamp is not None:
            self.stamp(batch)
        listened: list[Request] = []
        plain: list[Request] = []
        rest: list[Request] = []
        for request in batch:
            if request.policy is LISTEN_POLICY:
                listened.append(request)
            else:
                (plain if is_plain(request) else rest).append(request)
        if plain:
            self._plain.submit(plain)
        if rest:
            self._sender.submit(rest)
        if listened:
            self.listeners.submit(listened)
