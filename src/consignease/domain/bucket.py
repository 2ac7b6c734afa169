"""How fast an endpoint may be sent to: a bucket of tokens that fills steadily.

A bucket holds a fortieth of a second's tokens, at least one. All it needs to
remember is one time: when it will be full again (the generic cell rate
algorithm of ITU-T I.371). In any stretch of time as many requests are let go as
the rate gives in it, and at most a full bucket and 25 milliseconds' worth more:
the latter makes good for a timer that was late, so that what waits drains at
the rate itself.
"""

LATE_US = 25_000
"""How late a token may be taken without being lost, in microseconds."""


def _size(rate: int) -> int:
    return max(1, rate // 40)


def _took(full_at: int | None, now: int) -> int:
    # A clock that began anew may be behind; what it says is then as good as full.
    return max(full_at or 0, now - LATE_US)


def available(rate: int, full_at: int | None, now: int) -> int:
    """Return how many requests may go now.

    Args:
        rate: Requests a second.
        full_at: When the bucket is full again, in microseconds; None if it always was.
        now: The present, in microseconds.
    """
    burst = _size(rate) * 1_000_000
    return max(0, ((now - _took(full_at, now)) * rate + burst) // 1_000_000)


def spend(rate: int, full_at: int | None, now: int, count: int) -> int:
    """Return when the bucket is full again after `count` requests went."""
    return _took(full_at, now) - (-count * 1_000_000 // rate)


def most(rate: int, seconds: float) -> int:
    """Return how many requests may go within any stretch of that length."""
    return int(rate * (seconds + LATE_US / 1_000_000)) + _size(rate) + 1
