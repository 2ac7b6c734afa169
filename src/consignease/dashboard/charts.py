"""Numbers for charts: buckets of attempts, and small bars made here."""

from collections.abc import Sequence
from typing import Any

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """One bar of a small chart: where it stands in its box, and its tone."""

    x: float
    tone: str


def spark(attempts: Sequence[tuple[int, bool]], bars: int) -> list[Bar]:
    """Return the newest attempts as bars, oldest left; the tone tells how many succeeded.

    Args:
        attempts: Times and whether each succeeded, newest first.
        bars: How many bars at most.
    """
    if not attempts:
        return []
    per = max(1, -(-len(attempts) // bars))
    groups = [attempts[at : at + per] for at in range(0, len(attempts), per)]
    groups.reverse()
    found: list[Bar] = []
    for number, group in enumerate(groups):
        good = sum(ok for _, ok in group) / len(group)
        tone = "ok" if good == 1 else "bad" if good < 0.5 else "wait"
        found.append(Bar(number * 5.0, tone))
    return found


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return a percentile of ordered values; 0 of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def activity(attempts: Sequence[Any], start: int, now: int, buckets: int) -> dict[str, Any]:
    """Return what the activity page draws.

    Args:
        attempts: Rows with at, status, phase and total_us.
        start: Where the charts begin, in milliseconds.
        now: Where they end.
        buckets: How many points.
    """
    width = max(1, (now - start) // buckets)
    good, bad = [0] * buckets, [0] * buckets
    times: list[list[int]] = [[] for _ in range(buckets)]
    for row in attempts:
        at = min(buckets - 1, max(0, (row["at"] - start) // width))
        if row["phase"] is None and 200 <= row["status"] < 300:
            good[at] += 1
        else:
            bad[at] += 1
        times[at].append(row["total_us"])
    for one in times:
        one.sort()
    return {
        "x": [(start + number * width) // 1000 for number in range(buckets)],
        "succeeded": good,
        "failed": bad,
        "p50": [percentile(one, 0.5) / 1000 if one else None for one in times],
        "p99": [percentile(one, 0.99) / 1000 if one else None for one in times],
    }
