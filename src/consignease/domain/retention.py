"""What is kept for how long: bodies, attempts, messages, backlogs."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LOOK_AGAIN_MS = 10 * 60_000
"""When to look again at a body that is due to go and has open deliveries."""
UNIT_BYTES = 1024 * 1024
"""How many bytes of bodies one unit of work forgets at most."""


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """For how long things are kept, in milliseconds; None for good.

    Attributes:
        bodies: Bodies of messages.
        codes: Bodies of email and sms events, which hold codes.
        attempts: Attempts, counted from their message.
        messages: Messages without a body, and their deliveries.
        backlog: What a disabled or paused endpoint has not been sent.
        backlog_deliveries: How many deliveries of such an endpoint.
        backlog_bytes: How many bytes of payloads, where the endpoint has no number of its own.
        deleted_users: Whether the bodies about a deleted user are kept like others.
    """

    bodies: int | None = 90 * DAY_MS
    codes: int | None = DAY_MS
    attempts: int | None = 90 * DAY_MS
    messages: int | None = 180 * DAY_MS
    backlog: int | None = 14 * DAY_MS
    backlog_deliveries: int | None = 500_000
    backlog_bytes: int | None = 1_000_000_000
    deleted_users: bool = True


class Body(NamedTuple):
    """A message as retention sees it.

    Attributes:
        size: Bytes of its body; None if that is gone.
        expires_at: When the body is to go, if that differs from the rule.
        open: Whether any of its deliveries is not finished.
    """

    cursor: int
    size: int | None
    expires_at: int | None
    open: bool


class Fate(NamedTuple):
    """What becomes of messages.

    Attributes:
        forget: Cursors of those whose bodies go.
        later: Cursors of those that are looked at again later.
        last: The last one that was judged; None if there was none.
    """

    forget: list[int]
    later: list[int]
    last: int | None


def judge(bodies: Iterable[Body], now: int) -> Fate:
    """Decide which bodies go now, of messages whose time by the rule has come.

    A body with open deliveries is never forgotten; one that has a later time of
    its own waits for that. It ends when the bodies are as many bytes as one unit
    of work may forget.
    """
    forget: list[int] = []
    later: list[int] = []
    last, size = None, 0
    for body in bodies:
        if size >= UNIT_BYTES:
            break
        last = body.cursor
        if body.expires_at is not None and body.expires_at > now:
            continue
        if body.size is None:
            if body.expires_at is not None:
                forget.append(body.cursor)
        elif body.open:
            later.append(body.cursor)
        else:
            forget.append(body.cursor)
            size += body.size
    return Fate(forget, later, last)


def before(now: int, kept: int | None) -> int:
    """Return the time before which nothing is kept; 0 if everything is."""
    return 0 if kept is None else now - kept
