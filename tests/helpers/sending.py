"""A sender to call like a function: send these, wait for their outcomes."""

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from consignease.edge.guard import DEVELOPMENT, Policy, check_url
from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain_sender import PlainSender
from consignease.edge.sender import Sender


def request(
    url: str,
    *,
    tag: object = None,
    address: str = "127.0.0.1",
    headers: list[str] | list[bytes] | None = None,
    body: bytes = b"{}",
    timeout_ms: int = 5000,
    policy: Policy = DEVELOPMENT,
) -> Request:
    """Make a request, vetted or not."""
    target = check_url(url)
    lines: list[str] | list[bytes] = (
        ["Content-Type: application/json"] if headers is None else headers
    )
    return Request(
        tag, target.url, target.host, target.port, address, lines, body, timeout_ms, policy
    )


class Outbox:
    """A running sender whose outcomes are collected: `PlainSender` on a loop of its own, or libcurl's."""

    def __init__(self, *, curl: bool = False) -> None:
        self.outcomes: list[Outcome] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._plain = PlainSender(self._take)
        self._curl = Sender(self._take) if curl else None

    def __enter__(self) -> Self:
        self._thread.start()
        if self._curl is None:
            self._loop.call_soon_threadsafe(self._plain.start)
        else:
            self._curl.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._curl is None:
            self._loop.call_soon_threadsafe(self._plain.close)
        else:
            self._curl.close(0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, requests: Sequence[Request]) -> None:
        """Send them."""
        if self._curl is None:
            self._loop.call_soon_threadsafe(self._plain.submit, list(requests))
        else:
            self._curl.submit(list(requests))

    def send(self, *requests: Request, timeout: float = 20.0) -> list[Outcome]:
        """Submit, wait, and return the outcomes in the order they came.

        Raises:
            TimeoutError: not all came back.
        """
        before = len(self.outcomes)
        self.submit(requests)
        return self.wait_for(before + len(requests), timeout)[before:]

    def one(self, sent: Request) -> Outcome:
        """Send one request and return its outcome."""
        return self.send(sent)[0]

    def wait_for(self, count: int, timeout: float = 20.0) -> list[Outcome]:
        """Wait until `count` outcomes have come in all.

        Raises:
            TimeoutError: fewer came in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.outcomes) >= count, timeout):
                msg = f"{len(self.outcomes)} outcomes of {count} came in {timeout:g} s"
                raise TimeoutError(msg)
            return list(self.outcomes)

    def _take(self, outcomes: list[Outcome]) -> None:
        with self._changed:
            self.outcomes += outcomes
            self._changed.notify_all()
