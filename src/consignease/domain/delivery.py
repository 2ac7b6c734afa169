"""The delivery state machine, drawn in docs/states.md.

A delivery is one message on its way to one endpoint. These functions take its
state, what came back, the policy and the time, and return what is next; they
never write, sleep or look at a clock.
"""

from enum import IntEnum, IntFlag

import msgspec

from consignease.domain.health import DISABLE_AFTER_MS
from consignease.domain.retry import DEFAULT_SCHEDULE, delay_ms

HAND_MS = 3_000
"""How much a worker has in hand, as the time that it takes to send it."""
HAND_MOST = 2_048
"""How many deliveries of one endpoint a worker has in hand at most, however fast it is."""
HAND_BYTES = 8 * 1024 * 1024
"""How many bytes their bodies may have where that is less, but for twice those in flight."""


class State(IntEnum):
    """Where a delivery is; the open states come first."""

    WAITING = 0
    """Behind an older delivery of its lane."""
    PENDING = 1
    """To be sent when it is due."""
    SENDING = 2
    """Leased by a worker."""
    SUCCEEDED = 3
    FAILED = 4
    """Every try was used, or the endpoint said that it is gone."""
    CANCELED = 5
    """Made pointless before it could be delivered; can be recovered."""


class Flag(IntFlag):
    """What else is known about a delivery."""

    OVERTAKEN = 1
    """Newer deliveries of its lane no longer wait for it."""
    SUPERSEDED = 2
    """Its subject was deleted meanwhile: it is not to be retried."""
    BY_HAND = 4
    """Somebody asked for it to be sent once more."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How one endpoint wants to be treated.

    Attributes:
        schedule: Delays after each failed try, in milliseconds.
        ordering: ``bounded``, ``strict`` or ``none``.
        overtake_tries: With bounded ordering, after how many failed tries
            newer deliveries of the lane go first.
        overtake_ms: The same, as milliseconds since its first try.
        pause_cap_ms: The longest pause that a Retry-After may ask for.
        pause_age_ms: From this age of the message on, a pause counts as a try.
        disable_after_ms: After how long of nothing but failures the endpoint is
            disabled; 0 for never.
    """

    schedule: tuple[int, ...] = DEFAULT_SCHEDULE
    ordering: str = "bounded"
    overtake_tries: int = 4
    overtake_ms: int = 30 * 60_000
    pause_cap_ms: int = 3_600_000
    pause_age_ms: int = 72 * 3_600_000
    disable_after_ms: int = DISABLE_AFTER_MS


class Result(msgspec.Struct, frozen=True):
    """What one HTTP try came to.

    Attributes:
        status: The response's status code; 0 if there was none.
        phase: Where it failed; None if a whole response came back.
        retry_after_ms: What the response's Retry-After asked for.
        control: What its `webhook-delivery` header asked for: ``disable`` the
            endpoint, or ``abort-message``.
    """

    status: int
    phase: str | None = None
    retry_after_ms: int | None = None
    control: str | None = None

    @property
    def succeeded(self) -> bool:
        """Only a complete 2xx is success; a redirect is a failure."""
        return self.phase is None and 200 <= self.status < 300


class Settled(msgspec.Struct, frozen=True):
    """What becomes of a delivery after a try.

    Attributes:
        state: Its next state.
        tries: How many tries are used up.
        due_at: When the next one is due, in milliseconds; None if there is none.
        overtaken: Whether its lane goes on without it from now on.
        pause_until: Until when the whole endpoint is to be left alone.
        gone: Whether the endpoint asked to be disabled.
        slower: Whether the endpoint showed that it cannot keep up.
    """

    state: State
    tries: int
    due_at: int | None = None
    overtaken: bool = False
    pause_until: int | None = None
    gone: bool = False
    slower: bool = False


GONE = 410
_SLOWER = frozenset({429, 502, 503, 504})
_PAUSES = frozenset({429, 503})

_SUCCEEDED_FIRST = Settled(State.SUCCEEDED, 1)


def succeeded(tries: int) -> Settled:
    """Return what becomes of a delivery that succeeds after that many tries."""
    return Settled(State.SUCCEEDED, tries + 1) if tries else _SUCCEEDED_FIRST


def settle(
    result: Result,
    *,
    tries: int,
    started_at: int,
    created_at: int,
    policy: Policy,
    now: int,
    jitter: float,
) -> Settled:
    """Decide what follows a try.

    Args:
        result: What the try came to.
        tries: How many tries were used up before it.
        started_at: When the first try began, in milliseconds.
        created_at: When the message was created, in milliseconds.
        policy: How the endpoint is to be treated.
        now: The present, in milliseconds.
        jitter: A number from -1 to 1 that spreads the retries.
    """
    if result.succeeded:
        return succeeded(tries)
    if result.phase is None and (result.status == GONE or result.control == "disable"):
        return Settled(State.FAILED, tries + 1, gone=True)
    if result.control == "abort-message":
        return Settled(State.FAILED, tries + 1)
    slower = result.status in _SLOWER or result.phase == "deadline"
    asked = result.retry_after_ms
    if asked and result.status in _PAUSES and now - created_at < policy.pause_age_ms:
        until = now + min(asked, policy.pause_cap_ms)
        return Settled(State.PENDING, tries, due_at=until, pause_until=until, slower=slower)
    used = tries + 1
    wait = delay_ms(policy.schedule, used, jitter)
    if wait is None:
        return Settled(State.FAILED, used, slower=slower)
    overtaken = policy.ordering == "bounded" and (
        used >= policy.overtake_tries or now - started_at >= policy.overtake_ms
    )
    return Settled(State.PENDING, used, due_at=now + wait, overtaken=overtaken, slower=slower)


def next_limit(limit: int, ceiling: int, *, slower: bool, succeeded: bool) -> int:
    """Return how many requests an endpoint may have in flight after a try."""
    if slower:
        return max(1, limit // 2)
    if succeeded and limit < ceiling:
        return limit + 1
    return limit


def next_window(limit: int, ended: int, size: int, elapsed_ms: int) -> int:
    """Return how many deliveries of an endpoint a worker may have in hand: what ends within `HAND_MS`.

    What is in hand need not be read back from the database, but it is in memory, and
    nobody else can send it.

    Args:
        limit: How many requests may be in flight.
        ended: How many tries ended lately.
        size: How many bytes their bodies had.
        elapsed_ms: In which time.
    """
    most = HAND_MOST if size <= 0 else min(HAND_MOST, HAND_BYTES * ended // size)
    return max(2 * limit, min(most, ended * HAND_MS // max(1, elapsed_ms)))
