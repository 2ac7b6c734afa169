"""Counting: plain numbers that whoever watches reads now and then.

Adding costs a fraction of a microsecond and takes no lock. One thread adds to
a histogram; who reads it meanwhile may miss the newest value, never more.
"""

from bisect import bisect_left
from collections import deque

SECONDS_US = tuple(
    round(bound * 1_000_000)
    for bound in (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
)
"""Bounds of times within a request, in microseconds."""
QUEUE_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000, 300_000, 3_600_000)
"""Bounds of times in a queue, in milliseconds."""
UNITS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Bounds of numbers of units in one commit."""


class Histogram:
    """How often values fell between bounds.

    Attributes:
        bounds: Upper bounds, each part of its bucket; the last bucket has none.
        counts: Values in each bucket, one more than there are bounds.
        total: The sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def add(self, value: int) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Commits:
    """What the database was asked to make durable.

    Attributes:
        units: Units of work in each commit.
        microseconds: What each commit took, from its first statement to its end.
        refused: Commits that the database refused.
        refusals: The last few of them: when, in the seconds that `refuse` was given, and why.
    """

    __slots__ = ("microseconds", "refusals", "refused", "units")

    def __init__(self) -> None:
        self.units = Histogram(UNITS)
        self.microseconds = Histogram(SECONDS_US)
        self.refused = 0
        self.refusals: deque[tuple[float, str]] = deque(maxlen=3)

    def add(self, units: int, seconds: float) -> None:
        """Count one commit."""
        self.units.add(units)
        self.microseconds.add(round(seconds * 1_000_000))

    def refuse(self, why: str, at: float) -> None:
        """Note a commit that the database refused."""
        self.refused += 1
        self.refusals.append((at, why))

    def refusing(self, since: float) -> str:
        """Say why commits are refused, if several were since a time; else nothing."""
        recent = [why for at, why in list(self.refusals) if at >= since]
        return recent[-1] if len(recent) == self.refusals.maxlen else ""
