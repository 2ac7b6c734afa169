"""The sender: libcurl in one thread of its own, fed and read in batches.

On an event loop libcurl costs twice as much, and a thread per request costs
more again. Here one thread takes what was submitted, lets libcurl perform on
all of it, and hands back everything that finished in the round as one list.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import pycurl

from consignease.edge.curl import Easy, default_ca_file
from consignease.edge.guard import Policy
from consignease.edge.outcome import Outcome, Request
from consignease.edge.waiting import Waiter, best_waiter

__all__ = ["Outcome", "Request", "Sender", "bad_header"]

_log = logging.getLogger(__name__)
_IDLE_HANDLES = 1024
_CONTROLS = bytes(range(0x20)).replace(b"\t", b"") + b"\x7f"
_NAME_CHARS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def bad_header(name: str, value: str) -> str | None:
    """Say why a header cannot be sent, or None if it can (RFC 9110 section 5)."""
    if not name or not _NAME_CHARS.issuperset(name.lower()):
        return "a header name may only hold letters, digits and hyphens"
    if not value.isascii() or not value.replace("\t", " ").isprintable():
        return "a header value may only hold printable ASCII characters"
    return None


class _Pool:
    """One multi handle: connections opened under one policy stay within it."""

    __slots__ = ("active", "idle", "idle_count", "multi", "policy", "retired")

    def __init__(self, policy: Policy, connections: int) -> None:
        self.policy = policy
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.idle: dict[tuple[str, str, int], list[Easy]] = {}
        self.idle_count = 0
        self.active: set[Easy] = set()
        self.retired = False

    def take(self, key: tuple[str, str, int]) -> Easy | None:
        """Return an idle handle aimed at `key`."""
        handles = self.idle.get(key)
        if not handles:
            return None
        self.idle_count -= 1
        return handles.pop()

    def give(self, easy: Easy) -> None:
        """Keep a handle for the next request to its target."""
        handles = self.idle.get(easy.key)
        if handles is None:
            handles = self.idle[easy.key] = []
        handles.append(easy)
        self.idle_count += 1
        if self.idle_count > _IDLE_HANDLES:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        key, handles = next(iter(self.idle.items()))
        if handles:
            handles.pop().close()
            self.idle_count -= 1
        if not handles:
            del self.idle[key]

    def close(self) -> None:
        """Close every connection and handle."""
        for easy in self.active:
            self.multi.remove_handle(easy)
            easy.close()
        for handles in self.idle.values():
            for easy in handles:
                easy.close()
        self.active.clear()
        self.idle.clear()
        self.multi.close()


class Sender:
    """Sends requests and says what came of each; never raises for one of them."""

    def __init__(
        self,
        on_done: Callable[[list[Outcome]], None],
        *,
        max_in_flight: int = 1000,
        ca_file: str | None = None,
        waiter: Waiter | None = None,
    ) -> None:
        """Make a sender; `start` starts it.

        Args:
            on_done: called in the sender's thread, once per round, with all
                that finished. Every submitted request comes back exactly once.
            max_in_flight: requests inside libcurl at the same time; the rest
                waits, its deadline not yet running.
            ca_file: trusted certificates; None for the system's.
            waiter: what the thread sleeps on; None for what suits the system.
        """
        self._on_done = on_done
        self._max = max_in_flight
        self._ca_file = ca_file or default_ca_file()
        self._waiter = waiter or best_waiter()
        self._inbox: deque[Request] = deque()
        self._refreshes: deque[str] = deque()
        self._pools: dict[Policy, _Pool] = {}
        self._retired: list[_Pool] = []
        self._in_flight = 0
        self._done: list[Outcome] = []
        self._asleep = False
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="consignease-sender", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, batch: Iterable[Request]) -> None:
        """Send the requests; from any thread. Returns at once."""
        self._inbox.extend(batch)
        self._nudge()

    def refresh(self, *names: str) -> None:
        """Drop the kept connections of these policies; requests under way finish."""
        self._refreshes.extend(names)
        self._nudge()

    def close(self, timeout: float) -> None:
        """Stop: what is under way may finish for `timeout` seconds.

        What has not finished, or not begun, comes back with phase `stopped`.
        """
        self._stop_at = time.monotonic() + timeout
        if self._thread.is_alive():
            self._waiter.wake()
            self._thread.join()
        self._waiter.close()

    def _nudge(self) -> None:
        # The thread looks once more after it has set the flag, so either it
        # sees the work or the flag is seen here.
        if self._asleep:
            self._asleep = False
            self._waiter.wake()

    def _run(self) -> None:
        while self._stop_at is None or (self._in_flight and time.monotonic() < self._stop_at):
            try:
                self._round()
            except Exception:
                _log.exception("the sender failed in a round; its requests are given back")
                self._abandon("internal", "the sender failed")
            self._hand_over()
            self._wait()
        self._abandon("stopped", "the sender was stopped")
        for request in self._drain():
            self._done.append(Outcome(request.tag, phase="stopped", error="the sender was stopped"))
        self._hand_over()

    def _drain(self) -> list[Request]:
        left = list(self._inbox)
        self._inbox.clear()
        return left

    def _round(self) -> None:
        while self._refreshes:
            self._retire(self._refreshes.popleft())
        inbox = self._inbox
        while inbox and self._in_flight < self._max and self._stop_at is None:
            self._begin(inbox.popleft())
        for pool in self._live():
            pool.multi.perform()
            self._collect(pool)

    def _live(self) -> list[_Pool]:
        return [pool for pool in (*self._pools.values(), *self._retired) if pool.active]

    def _begin(self, request: Request) -> None:
        pool = self._pools.get(request.policy)
        if pool is None:
            pool = self._pools[request.policy] = _Pool(request.policy, self._max)
        try:
            refusal = _start(pool, request, self._waiter.register, self._ca_file)
        except (pycurl.error, ValueError, TypeError, AttributeError) as error:
            self._done.append(Outcome(request.tag, phase="request", error=f"it cannot be sent: {error}"))
            return
        if refusal is None:
            self._in_flight += 1
        else:
            self._done.append(refusal)

    def _collect(self, pool: _Pool) -> None:
        more = 1
        while more:
            more, finished, failed = pool.multi.info_read()
            for easy in finished:
                self._finish(pool, easy, 0, "")
            for easy, code, detail in failed:
                self._finish(pool, easy, code, detail)
        if pool.retired and not pool.active:
            self._retired.remove(pool)
            pool.close()

    def _finish(self, pool: _Pool, easy: Easy, code: int, detail: str) -> None:
        pool.multi.remove_handle(easy)
        pool.active.discard(easy)
        self._in_flight -= 1
        self._done.append(easy.outcome(code, detail))
        pool.give(easy)

    def _retire(self, name: str) -> None:
        for policy in [policy for policy in self._pools if policy.name == name]:
            pool = self._pools.pop(policy)
            if pool.active:
                pool.retired = True
                self._retired.append(pool)
            else:
                pool.close()

    def _wait(self) -> None:
        timeouts = [pool.multi.timeout() for pool in self._live()]
        soonest = min((ms for ms in timeouts if ms >= 0), default=-1)
        seconds = None if soonest < 0 else soonest / 1000
        if self._stop_at is not None:
            left = max(0.0, self._stop_at - time.monotonic())
            seconds = left if seconds is None else min(seconds, left)
        self._asleep = True
        if self._refreshes or (self._inbox and self._in_flight < self._max and self._stop_at is None):
            seconds = 0.0
        self._waiter.wait([pool.multi for pool in self._live()], seconds)
        self._asleep = False

    def _abandon(self, phase: str, error: str) -> None:
        for pool in (*self._pools.values(), *self._retired):
            self._done += [Outcome(easy.request.tag, phase=phase, error=error) for easy in pool.active]
            pool.close()
        self._pools.clear()
        self._retired.clear()
        self._in_flight = 0

    def _hand_over(self) -> None:
        done, self._done = self._done, []
        if not done:
            return
        try:
            self._on_done(done)
        except Exception:
            _log.exception("the receiver of outcomes failed; %d outcomes are lost", len(done))


def _start(pool: _Pool, request: Request, register: Callable[[int], None], ca_file: str | None) -> Outcome | None:
    """Give a request to libcurl, or say why not."""
    if not _clean(request.headers):
        return Outcome(request.tag, phase="request", error="a header holds a line break or control character")
    key = (request.url, request.address, request.timeout_ms)
    easy = pool.take(key)
    if easy is None:
        easy = Easy(pool.policy, register, ca_file)
        refusal = easy.aim(request, key)
        if refusal:
            easy.close()
            return Outcome(request.tag, phase="guard", error=refusal)
    easy.load(request)
    pool.multi.add_handle(easy)
    pool.active.add(easy)
    return None


def _clean(headers: list[str] | list[bytes]) -> bool:
    """Whether no header line holds what would start another one."""
    if headers and isinstance(headers[0], bytes):
        joined = b"".join(headers)
        return len(joined.translate(None, _CONTROLS)) == len(joined)
    joined = "".join(headers)
    return joined.isprintable() or joined.replace("\t", " ").isprintable()
