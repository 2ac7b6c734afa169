"""When a failed delivery is tried again."""

import math
from email.utils import parsedate_to_datetime

DEFAULT_SCHEDULE = (
    5_000,
    5 * 60_000,
    30 * 60_000,
    2 * 3_600_000,
    5 * 3_600_000,
    10 * 3_600_000,
    10 * 3_600_000,
)
"""Delays after each failed try, in milliseconds: eight tries in about 28 hours.

The schedule that existing senders publish, so receivers built for them find
what they expect.
"""

JITTER = 0.2
"""How far a delay is spread either way."""


def delay_ms(schedule: tuple[int, ...], used: int, jitter: float) -> int | None:
    """Return how long to wait after `used` failed tries; None to give up.

    Args:
        schedule: Delays after each failed try, in milliseconds.
        used: How many tries have failed, from 1.
        jitter: A number from -1 to 1.
    """
    if used > len(schedule):
        return None
    return round(schedule[used - 1] * (1 + JITTER * jitter))


def retry_after_ms(value: str | None, wall_ms: int) -> int | None:
    """Read a Retry-After header (RFC 9110 section 10.2.3) in either form.

    Args:
        value: The header's text: seconds, fractions allowed, or an HTTP date.
        wall_ms: The wall clock, against which a date is read.

    Returns:
        Milliseconds from now, never negative; None if it cannot be read.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError, OverflowError):
            return None
        try:
            return max(0, round(moment.timestamp() * 1000) - wall_ms)
        except (OverflowError, OSError):
            return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return math.ceil(min(seconds, 1e9) * 1000)
