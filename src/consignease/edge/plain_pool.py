"""Kept connections for plain HTTP/1.1 under one policy, and the requests on them."""

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

from consignease.edge.curl import IDLE_S, LIFETIME_S, USER_AGENT
from consignease.edge.guard import Policy, verdict
from consignease.edge.headers import tidy
from consignease.edge.outcome import Outcome, Request
from consignease.edge.plain import Connection

_URLS = 4096
"""Beginnings of requests that are remembered."""

_LINES = 5
"""Lines of a header block beside the request's own: the first, three fields, and the blank one."""

Watch = Callable[[Connection], None]
"""Has a connection told when its socket is ready, until it is closed."""


class PlainPool:
    """Requests to vetted addresses over plain HTTP.

    The guard judges the address of every request, on kept connections too; what
    one policy has opened, no other uses.

    Attributes:
        policy: The guard's.
    """

    def __init__(self, policy: Policy, connections: int, watch: Watch) -> None:
        """Make an empty pool.

        Args:
            policy: The guard's.
            connections: How many idle ones are kept.
            watch: Given each new connection.
        """
        self.policy = policy
        self._connections = connections
        self._watch = watch
        self._active: dict[Connection, None] = {}
        self._idle: dict[tuple[str, int, str], list[Connection]] = {}
        self._idle_count = 0
        self._again: list[tuple[Request, float]] = []
        self._done: list[Outcome] = []
        self._soonest = inf
        self._starts: dict[str, str] = {}

    @property
    def active(self) -> bool:
        """Whether any request is under way."""
        return bool(self._active or self._again or self._done)

    @property
    def busy(self) -> bool:
        """Whether it has anything to do, now or when connections have been idle for long."""
        return self._soonest != inf or self.active

    def given_back(self, phase: str, error: str) -> list[Outcome]:
        """Return outcomes of a failure of ours for whatever has not come back, beside those that have."""
        requests = [one.request for one in self._active if one.request is not None]
        requests += [request for request, _ in self._again]
        done, self._done = self._done, []
        return done + [Outcome(one.tag, phase=phase, error=error) for one in requests]

    def start(self, request: Request) -> Outcome | None:
        """Send a request, or say why not.

        Raises:
            TypeError, ValueError: Its parts cannot be sent.
        """
        return self._begin(request, monotonic())

    def _begin(self, request: Request, began: float, *, anew: bool = False) -> Outcome | None:
        judged = verdict(request.address, self.policy)
        if not judged.ok:
            words = f"{request.address} is {judged.reason}"
            return Outcome(request.tag, phase="guard", error=words)
        head = self._head(request)
        if not tidy(head, _LINES + len(request.headers)):
            words = "a header holds a line break or control character"
            return Outcome(request.tag, phase="request", error=words)
        key = (request.address, request.port, request.host)
        connection = None if anew else self._kept(key, began)
        try:
            new = connection is None
            connection = connection or Connection(key, self._finished)
        except OSError as error:
            words = f"no socket could be opened: {error.strerror}"
            return Outcome(request.tag, phase="internal", error=words)
        if new:
            self._watch(connection)
        self._active[connection] = None
        connection.begin(request, head + request.body, began)
        self._soonest = min(self._soonest, connection.deadline)
        return None

    def _head(self, request: Request) -> bytes:
        start = self._starts.get(request.url)
        if start is None:
            parts = urlsplit(request.url)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            start = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {USER_AGENT}"
            if len(self._starts) >= _URLS:
                self._starts.clear()
            self._starts[request.url] = start
        end = f"Content-Length: {len(request.body)}\r\n\r\n"
        headers = request.headers
        if headers and isinstance(headers[0], bytes):
            lines = cast("list[bytes]", headers)
            return b"\r\n".join((start.encode(), *lines, end.encode()))
        return "\r\n".join((start, *cast("list[str]", headers), end)).encode("ascii")

    def _kept(self, key: tuple[str, int, str], now: float) -> Connection | None:
        kept = self._idle.get(key)
        while kept:
            connection = kept.pop()
            self._idle_count -= 1
            if _usable(connection, now):
                return connection
            connection.close()
        return None

    def perform(self) -> list[Outcome]:
        """Do what time asks for, and return what has come back."""
        again, self._again = self._again, []
        for request, began in again:
            refusal = self._begin(request, began, anew=True)
            if refusal is not None:
                self._done.append(refusal)
        now = monotonic()
        if now >= self._soonest:
            self._expire(now)
        done, self._done = self._done, []
        return done

    def timeout_ms(self) -> int:
        """Return when `perform` has to be called at the latest; -1 if nothing waits."""
        if self._again or self._done:
            return 0
        if self._soonest == inf:
            return -1
        return max(0, round((self._soonest - monotonic()) * 1000) + 1)

    def dropped(self, connection: Connection) -> None:
        """Close an idle connection: its receiver has closed it, or says what nobody asked for."""
        kept = self._idle.get(connection.key, [])
        if connection in kept:
            kept.remove(connection)
            self._idle_count -= 1
        connection.close()

    def close(self) -> None:
        """Close every connection."""
        for connection in self._active:
            connection.close()
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._active.clear()
        self._idle.clear()
        self._idle_count = 0

    def _finished(self, connection: Connection, outcome: Outcome | None) -> None:
        request, began = connection.request, connection.began
        assert request is not None
        connection.request = None
        del self._active[connection]
        if outcome is None:
            self._again.append((request, began))
        else:
            self._done.append(outcome)
        if not connection.keep or self._idle_count >= self._connections:
            connection.close()
            return
        connection.idle_since = monotonic()
        self._idle.setdefault(connection.key, []).append(connection)
        self._idle_count += 1
        self._soonest = min(self._soonest, connection.idle_since + IDLE_S)

    def _expire(self, now: float) -> None:
        for connection in [one for one in self._active if one.deadline <= now]:
            connection.expire()
        for key, kept in list(self._idle.items()):
            left = [one for one in kept if _usable(one, now)]
            for connection in kept:
                if not _usable(connection, now):
                    connection.close()
            self._idle_count -= len(kept) - len(left)
            if left:
                self._idle[key] = left
            else:
                del self._idle[key]
        ends = [one.deadline for one in self._active]
        ends += [one.idle_since + IDLE_S for kept in self._idle.values() for one in kept]
        self._soonest = min(ends, default=inf)


def _usable(connection: Connection, now: float) -> bool:
    return now - connection.idle_since < IDLE_S and now - connection.opened < LIFETIME_S
