"""What `consignease listen` and the server say to each other, as JSON over HTTP.

====================================  =============================================
``POST /v1/listen``                   `Open` → `Opened`: begin, or go on after a break
``GET /v1/listen/{session}/events``   → `Events`: wait for events (long poll)
``POST /v1/listen/{session}/results`` `Results`: what the application answered
``DELETE /v1/listen/{session}``       end at once instead of by silence
====================================  =============================================

Bodies travel as base64, so they arrive byte for byte. The place in the log is
kept by the server: whatever a session has not reported goes to the next one.
"""

import msgspec

LONGEST_WAIT = 20.0
"""Seconds that one long poll may wait."""

SILENCE = 10.0
"""Seconds without a poll after which a session has ended."""

TIMEOUT_MS = 30_000
"""How long an application may take to answer, unless it is said otherwise."""


class Open(msgspec.Struct, kw_only=True):
    """Begin to listen.

    Attributes:
        name: Names the listener for good: its secret and its place in the log.
        owner: Who listens, for people: process and machine.
        types: Event types wanted; None for all.
        ordered: Whether events about one user or organization come one after the other.
        since_ms: Bring back what happened in this time, in milliseconds.
        after: Bring back what came after this cursor.
        timeout_ms: How long the application may take to answer.
    """

    name: str
    owner: str = ""
    types: list[str] | None = None
    ordered: bool = True
    since_ms: int | None = None
    after: int | None = None
    timeout_ms: int = TIMEOUT_MS


class Opened(msgspec.Struct, kw_only=True):
    """A session.

    Attributes:
        session: Names it in the calls that follow.
        endpoint: The virtual endpoint, as the Dashboard shows it.
        secret: Its signing secret, the same every time.
        waiting: How many events wait.
        dropped: How many were given up because they waited too long.
        replaced: The owner of a session that this one ended; empty if there was none.
    """

    session: str
    endpoint: str
    secret: str
    waiting: int = 0
    dropped: int = 0
    replaced: str = ""


class Event(msgspec.Struct, kw_only=True):
    """One request to make of the application.

    Attributes:
        id: Names it in its result; unique in the session.
        message: The message's identifier.
        attempt: The number of this try, from 1.
        again: Whether it was handed out before and nothing was heard of it.
        headers: Complete lines ``Name: value``.
        body: To be sent as it is.
    """

    id: int
    message: str
    attempt: int
    again: bool
    headers: list[str]
    body: bytes


class Events(msgspec.Struct, kw_only=True):
    """Answer of a long poll.

    Attributes:
        events: In the order in which they are to be made.
        closed: Why the session has ended; empty while it lives.
    """

    events: list[Event] = []
    closed: str = ""


class Result(msgspec.Struct, kw_only=True):
    """What came of one request.

    Attributes:
        id: The event's.
        status: Of the answer; 0 if there was none.
        phase: Where it failed: ``connect``, ``read`` or ``deadline``; None if it did not.
        error: The failure in plain words.
        headers: The raw header block of the answer.
        body: The beginning of the answer's body.
        total_us: Microseconds in all.
    """

    id: int
    status: int = 0
    phase: str | None = None
    error: str = ""
    headers: bytes = b""
    body: bytes = b""
    total_us: int = 0


class Results(msgspec.Struct):
    """What came of several."""

    results: list[Result]
