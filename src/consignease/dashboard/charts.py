"""Numbers for charts: buckets of attempts, and small bars made here."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """One bar of a small chart: where it stands in its box, and its tone."""

    x: float
    tone: str


class Phase(msgspec.Struct, frozen=True):
    """A part of the time that an attempt took.

    Attributes:
        key: Names its colour.
        label: What it was spent on.
        us: How long, in microseconds.
        x: Where it begins, in percent of the whole.
        width: How much of the whole it is, in percent.
    """

    key: str
    label: str
    us: int
    x: float
    width: float


def phases(attempt: Mapping[str, Any]) -> list[Phase]:
    """Split what an attempt took into its phases, in their order."""
    total, spent = attempt["total_us"], 0
    found: list[Phase] = []
    for key, label in (("dns", "DNS"), ("connect", "Connect"), ("tls", "TLS"), ("wait", "Wait")):
        us = min(attempt[f"{key}_us"], total - spent)
        found.append(_phase(key, label, us, spent, total))
        spent += us
    return [*found, _phase("read", "Read", total - spent, spent, total)]


def _phase(key: str, label: str, us: int, spent: int, total: int) -> Phase:
    return Phase(key, label, us, spent * 100 / max(1, total), us * 100 / max(1, total))


def outcomes(attempts: Iterable[Any]) -> list[bool]:
    """Tell of rows of at, status, phase and time taken whether each succeeded."""
    return [phase is None and 200 <= status < 300 for _, status, phase, _ in attempts]


def spark(attempts: Sequence[bool], bars: int) -> list[Bar]:
    """Return the newest attempts as bars, oldest left; the tone tells how many succeeded.

    Args:
        attempts: Whether each succeeded, newest first.
        bars: How many bars at most.
    """
    if not attempts:
        return []
    per = max(1, -(-len(attempts) // bars))
    groups = [attempts[at : at + per] for at in range(0, len(attempts), per)]
    groups.reverse()
    found: list[Bar] = []
    for number, group in enumerate(groups):
        good = sum(group) / len(group)
        tone = "ok" if good == 1 else "bad" if good < 0.5 else "wait"
        found.append(Bar(number * 5.0, tone))
    return found


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return a percentile of ordered values; 0 of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


class Activity(msgspec.Struct, frozen=True):
    """What the activity page tells of attempts.

    Attributes:
        charts: What it draws: a list of numbers for each name, `x` in Unix seconds.
        total: How many there were.
        good: How many succeeded.
        p50: Half took at most so many microseconds.
        p99: All but one in a hundred took at most so many.
    """

    charts: dict[str, list[float | None]]
    total: int
    good: int
    p50: int
    p99: int


def activity(attempts: Iterable[Any], start: int, now: int, buckets: int) -> Activity:
    """Return what the activity page tells.

    Args:
        attempts: Rows of at, status, phase and time taken in microseconds.
        start: Where the charts begin, in milliseconds.
        now: Where they end.
        buckets: How many points.
    """
    width = max(1, (now - start) // buckets)
    last = buckets - 1
    good = [0] * buckets
    times: list[list[int]] = [[] for _ in range(buckets)]
    # Of thousands of rows: no call in the loop.
    for moment, status, phase, took in attempts:
        at = (moment - start) // width
        at = last if at > last else 0 if at < 0 else at  # noqa: FURB136
        times[at].append(took)
        if phase is None and 200 <= status < 300:
            good[at] += 1
    for one in times:
        one.sort()
    every = sorted(chain.from_iterable(times))
    charts: dict[str, list[float | None]] = {
        "x": [(start + number * width) // 1000 for number in range(buckets)],
        "succeeded": [*good],
        "failed": [len(one) - ok for one, ok in zip(times, good, strict=True)],
        "p50": [percentile(one, 0.5) / 1000 if one else None for one in times],
        "p99": [percentile(one, 0.99) / 1000 if one else None for one in times],
    }
    return Activity(charts, len(every), sum(good), percentile(every, 0.5), percentile(every, 0.99))
