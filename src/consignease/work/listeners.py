"""Listeners: sessions of `consignease listen`, which take deliveries instead of an address.

Everything here runs on the event loop. A session's events are leased
deliveries like any other; when it ends, what it has not reported goes back to
the worker as if it had never been sent, so no try is used up.
"""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import cast

from consignease import __version__
from consignease.domain.messages import message_id
from consignease.edge.outcome import BODY_LIMIT, HEADERS_LIMIT, Outcome, Request
from consignease.tunnel.protocol import LONGEST_WAIT, SILENCE, Event, Events, Result
from consignease.work.tries import Tag

BATCH_BYTES = 1024 * 1024
"""Bodies in one answer to a poll, in bytes; one event is always given."""

SPARE_SECONDS = 30.0
"""How much longer than the application an agent may take before a try counts as failed."""

_REMEMBERED = 10_000
_PAUSE_SECONDS = 0.05
_PHASES = frozenset({"connect", "read", "deadline"})
_GONE = 410


class Session:
    """One agent that listens.

    Attributes:
        id: Names it; not to be guessed.
        instance: Number of the instance it belongs to.
        endpoint: Number of its virtual endpoint.
        owner: Who listens, for people.
        closed: Why it ended; empty while it lives.
    """

    def __init__(self, instance: int, endpoint: int, owner: str, timeout: float) -> None:
        self.id = secrets.token_urlsafe(18)
        self.instance = instance
        self.endpoint = endpoint
        self.owner = owner
        self.timeout = timeout
        self.closed = ""
        self.queue: deque[Request] = deque()
        self.sent: dict[int, tuple[Request, asyncio.TimerHandle]] = {}
        self.poller: asyncio.Future[None] | None = None
        self.silence: asyncio.TimerHandle | None = None
        self.count = 0


class Listeners:
    """All sessions of this process.

    Args:
        done: Takes outcomes, as from the sender.
        changed: Told that an endpoint is, or is no longer, listened to.
    """

    def __init__(
        self, done: Callable[[list[Outcome]], None], changed: Callable[[int], None]
    ) -> None:
        self._done = done
        self._changed = changed
        self._by_endpoint: dict[int, Session] = {}
        self._by_id: dict[str, Session] = {}
        self._handed: OrderedDict[tuple[int, int, int], None] = OrderedDict()
        self._stopping = False

    def listening(self, endpoint: int) -> bool:
        """Whether anybody listens at this virtual endpoint."""
        return endpoint in self._by_endpoint

    def open(self, instance: int, endpoint: int, owner: str, timeout_ms: int) -> tuple[str, str]:
        """Begin a session; the one that the endpoint had ends.

        Returns:
            The session's id, and the owner of the one that it ended, or nothing.
        """
        before = self._by_endpoint.get(endpoint)
        session = Session(instance, endpoint, owner, timeout_ms / 1000 + SPARE_SECONDS)
        if before is not None:
            self._close(before, f"{owner or 'Another process'} listens under this name now.")
        self._by_endpoint[endpoint] = session
        self._by_id[session.id] = session
        self._expect(session)
        self._changed(endpoint)
        return session.id, "" if before is None else before.owner or "another process"

    def find(self, name: str, instance: int) -> Session | None:
        """Return a session of an instance; None if there is none of that name."""
        session = self._by_id.get(name)
        return session if session is not None and session.instance == instance else None

    async def poll(self, session: Session, wait: float, limit: int) -> Events:
        """Wait until there are events, and hand them out.

        Args:
            session: Whose.
            wait: Seconds to wait at most.
            limit: How many events at most.
        """
        if session.poller is not None and not session.poller.done():
            session.poller.set_result(None)  # only the newest poll of an agent counts
        if session.silence is not None:
            session.silence.cancel()
        if not session.queue and not session.closed and not self._stopping and wait > 0:
            session.poller = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(min(wait, LONGEST_WAIT)):
                    await session.poller
            except TimeoutError:
                pass
            finally:
                self._expect(session)
        else:
            self._expect(session)
        events: list[Event] = []
        size = 0
        while session.queue and len(events) < limit and not session.closed:
            size += len(session.queue[0].body)
            if events and size > BATCH_BYTES:
                break
            events.append(self._hand_out(session, session.queue.popleft()))
        return Events(events=events, closed=session.closed)

    def finish(self, session: Session, results: Sequence[Result]) -> None:
        """Take what the application answered; what is not known any more is passed over."""
        outcomes: list[Outcome] = []
        for result in results:
            request, timer = session.sent.pop(result.id, (None, None))
            if request is None or timer is None:
                continue
            timer.cancel()
            self._handed.pop(_key(request), None)
            outcomes.append(_outcome(request, result))
        if outcomes:
            self._done(outcomes)

    def close(self, session: Session) -> None:
        """End a session because its agent says so."""
        self._close(session, "The session was closed.")

    def stop(self) -> None:
        """Let every poll return at once: the server ends."""
        self._stopping = True
        for session in self._by_id.values():
            if session.poller is not None and not session.poller.done():
                session.poller.set_result(None)

    def submit(self, batch: Sequence[Request]) -> None:
        """Take requests from the worker, as the sender does."""
        unheard: list[Outcome] = []
        for request in batch:
            gate, *_ = cast("Tag", request.tag)
            session = self._by_endpoint.get(gate.no)
            if session is None:
                unheard.append(_stopped(request))
                continue
            session.queue.append(request)
            if session.poller is not None and not session.poller.done():
                session.poller.set_result(None)
        if unheard:
            # The worker is about to learn that nobody listens; until then, do not spin.
            asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._done, unheard)

    def _hand_out(self, session: Session, request: Request) -> Event:
        item = cast("Tag", request.tag)[2]
        session.count += 1
        number = session.count
        loop = asyncio.get_running_loop()
        timer = loop.call_later(session.timeout, self._too_late, session, number)
        session.sent[number] = (request, timer)
        key = _key(request)
        again = key in self._handed
        self._handed[key] = None
        while len(self._handed) > _REMEMBERED:
            self._handed.popitem(last=False)
        lines = [line if isinstance(line, str) else line.decode() for line in request.headers]
        return Event(
            id=number,
            message=message_id(item.instance_id, item.cursor, item.at),
            attempt=item.attempts + 1,
            again=again,
            headers=[*lines, f"User-Agent: Consignease/{__version__}"],
            body=request.body,
        )

    def _too_late(self, session: Session, number: int) -> None:
        request, _ = session.sent.pop(number)
        words = f"no answer of the agent within {session.timeout:g} s"
        self._done([Outcome(request.tag, phase="deadline", error=words)])

    def _expect(self, session: Session) -> None:
        """End the session unless its agent asks again soon."""
        if session.silence is not None:
            session.silence.cancel()
        if not session.closed:
            session.silence = asyncio.get_running_loop().call_later(
                SILENCE, self._close, session, "Nothing was heard of the agent."
            )

    def _close(self, session: Session, reason: str) -> None:
        if session.closed:
            return
        session.closed = reason
        self._by_id.pop(session.id, None)
        if self._by_endpoint.get(session.endpoint) is session:
            del self._by_endpoint[session.endpoint]
        if session.silence is not None:
            session.silence.cancel()
        if session.poller is not None and not session.poller.done():
            session.poller.set_result(None)
        self._changed(session.endpoint)
        unheard = [_stopped(request) for request, _ in session.sent.values()]
        unheard += [_stopped(request) for request in session.queue]
        for _, timer in session.sent.values():
            timer.cancel()
        session.sent.clear()
        session.queue.clear()
        if unheard:
            self._done(unheard)


def _key(request: Request) -> tuple[int, int, int]:
    gate, _, item, *_ = cast("Tag", request.tag)
    return gate.no, item.cursor, item.attempts


def _stopped(request: Request) -> Outcome:
    return Outcome(request.tag, phase="stopped", error="nobody listens")


def _outcome(request: Request, result: Result) -> Outcome:
    phase = result.phase if result.phase in _PHASES else None
    error = result.error
    if phase is None and not 200 <= result.status <= 999:
        phase, error = "read", error or "the agent reported no answer"
    elif result.status == _GONE and phase is None:
        # Said by an application under development: it must not end the listening.
        phase, error = "read", "the application answered 410 Gone"
    return Outcome(
        request.tag,
        status=result.status,
        phase=phase,
        error=error[:500],
        body=result.body[:BODY_LIMIT],
        headers=result.headers[:HEADERS_LIMIT],
        wait_us=max(0, result.total_us),
        total_us=max(0, result.total_us),
    )
