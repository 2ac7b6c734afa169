"""Requests to the APIs, counted by operation."""

from collections.abc import Callable

from consignease.domain.counting import SECONDS_US, Histogram


class Requests:
    """Numbers of API requests.

    Attributes:
        answers: Requests by operation and status; ``none`` is no operation of ours.
        microseconds: Times by operation, from the request's first byte to its answer.
        also: Told of each as well, where traces are kept.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], int] = {}
        self.microseconds: dict[str, Histogram] = {}
        self.also: Callable[[str, int], None] | None = None

    def add(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (operation, status)
        self.answers[key] = self.answers.get(key, 0) + 1
        found = self.microseconds.get(operation)
        if found is None:
            found = self.microseconds[operation] = Histogram(SECONDS_US)
        found.add(round(seconds * 1_000_000))
        if self.also is not None:
            self.also(operation, status)
