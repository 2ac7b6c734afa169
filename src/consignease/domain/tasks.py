"""Background tasks: walks over numbered things that go on where they were, whatever happens."""

from enum import IntEnum
from typing import Any

import msgspec


class Status(IntEnum):
    """How a task does."""

    RUNNING = 0
    FINISHED = 1
    FAILED = 2


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task.

    Attributes:
        no: Its number inside the database.
        kind: What it does, such as ``endpoint.recover``.
        instance: Number of the instance it belongs to.
        endpoint: Number of the endpoint it works for; None for none.
        args: What was asked, as its kind understands it.
        first: The number it begins with: a cursor, or an application's number.
        position: The number it looks at next.
        last: The number after the last one.
        count: How many things it has done.
        result: What it has found; None if its kind finds nothing.
        error: Why it failed; empty if it did not.
    """

    no: int
    id: str
    kind: str
    instance: int
    endpoint: int | None
    args: dict[str, Any]
    status: Status
    first: int
    position: int
    last: int
    count: int
    result: Any
    error: str
    created_at: int
    updated_at: int

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status is not Status.RUNNING

    @property
    def percent(self) -> int:
        """How far it is, in percent."""
        whole = self.last - self.first
        return 100 if whole <= 0 else (self.position - self.first) * 100 // whole


class Part(msgspec.Struct, frozen=True):
    """What one chunk of a task came to.

    Attributes:
        position: What the task looks at next; where it was, if it has to wait.
        count: How many things were done.
        result: What the task has found so far; None leaves it as it was.
    """

    position: int
    count: int = 0
    result: Any = None
