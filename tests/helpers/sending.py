"""A sender to call like a function: send these, wait for their outcomes."""

import threading
from types import TracebackType
from typing import Self

from consignease.edge.guard import DEVELOPMENT, Policy, check_url
from consignease.edge.outcome import Outcome, Request
from consignease.edge.sender import Sender
from consignease.edge.waiting import Waiter


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
    """A running sender whose outcomes are collected."""

    def __init__(
        self,
        *,
        max_in_flight: int = 1000,
        ca_file: str | None = None,
        waiter: Waiter | None = None,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.batches = 0
        self._changed = threading.Condition()
        self.sender = Sender(
            self._take, max_in_flight=max_in_flight, ca_file=ca_file, waiter=waiter
        )

    def __enter__(self) -> Self:
        self.sender.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sender.close(0)

    def send(self, *requests: Request, timeout: float = 20.0) -> list[Outcome]:
        """Submit, wait, and return the outcomes in the order they came.

        Raises:
            TimeoutError: not all came back.
        """
        before = len(self.outcomes)
        self.sender.submit(list(requests))
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
            self.batches += 1
            self.outcomes += outcomes
            self._changed.notify_all()
