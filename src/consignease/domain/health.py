"""How an endpoint does, in one word, and when it has failed for too long."""

from typing import NamedTuple

DAY_MS = 24 * 3_600_000
DISABLE_AFTER_MS = 5 * DAY_MS
"""For how long an endpoint may do nothing but fail before it is disabled."""

FAILING_TRIES = 4
"""From this failed try on a delivery is reported as failing."""


class Failing(NamedTuple):
    """Since when an endpoint fails, and whether that was long enough."""

    since: int
    disable: bool


def failed(first: int | None, last: int | None, now: int, disable_after: int) -> Failing:
    """Decide what one more failure means.

    Failures that lie further apart than the whole span are not one: an endpoint
    that is used once a month and fails once is not disabled for it.

    Args:
        first: The first failure since the last success, in milliseconds; None if
            it did not fail before.
        last: The failure before this one.
        now: The present.
        disable_after: The span; 0 if endpoints are never disabled.
    """
    if first is None or (last is not None and disable_after and now - last > disable_after):
        return Failing(now, disable=False)
    return Failing(first, disable=0 < disable_after <= now - first)


def word(
    *,
    disabled: bool,
    paused: bool,
    paused_until: int | None,
    first_failure_at: int | None,
    last_success_at: int | None,
    now: int,
) -> str:
    """Return ``disabled``, ``paused``, ``backing_off``, ``failing``, ``healthy`` or ``new``."""
    if disabled:
        return "disabled"
    if paused:
        return "paused"
    if paused_until is not None and paused_until > now:
        return "backing_off"
    if first_failure_at is not None:
        return "failing"
    return "healthy" if last_success_at is not None else "new"
