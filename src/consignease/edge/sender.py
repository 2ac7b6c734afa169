"""The sender: libcurl in one thread of its own, fed and read in batches.

It sends what goes over TLS, and what is for a name with several addresses;
`plain_sender` sends the rest. On an event loop libcurl costs twice as much, and a
thread per request costs more again. Here one thread takes what was submitted, lets
libcurl perform on all of it, and hands back everything that finished in the round
as one list.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import pycurl

from consignease.edge.curl import default_ca_file
from consignease.edge.guard import Policy
from consignease.edge.handing import abandon, hand_over
from consignease.edge.outcome import Outcome, Request
from consignease.edge.pool import Pool
from consignease.edge.tls import Tls
from consignease.edge.waiting import Waiter, best_waiter

__all__ = ["Outcome", "Request", "Sender"]

OWN_POOLS = 64
"""How many sets of certificates of endpoints' own keep idle connections."""

_log = logging.getLogger(__name__)


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
            max_in_flight: requests under way at the same time; the rest waits,
                its deadline not yet running.
            ca_file: trusted certificates; None for the system's.
            waiter: what the thread sleeps on; None for what suits the system.
        """
        self._on_done = on_done
        self._max = max_in_flight
        self._ca_file = ca_file or default_ca_file()
        self._waiter = waiter or best_waiter()
        self._inbox: deque[Request] = deque()
        self._refreshes: deque[str] = deque()
        self._pools: dict[tuple[Policy, Tls | None], Pool] = {}
        self._retired: list[Pool] = []
        self._in_flight = 0
        self._done: list[Outcome] = []
        self._asleep = False
        self._stop_at: float | None = None
        self._thread = self._new_thread()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def revive(self) -> bool:
        """Start the thread again if it has ended though nobody told it to.

        What it had under way comes back with phase `internal`, in the calling
        thread; what it had not begun is sent. Returns whether it had ended.
        """
        if self._thread.is_alive() or self._stop_at is not None or not self._thread.ident:
            return False
        _log.critical("the sender's thread had ended; it is started again")
        self._abandon("internal", "the sender's thread had ended")
        self._hand_over()
        self._thread = self._new_thread()
        self._thread.start()
        self._waiter.wake()
        return True

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="consignease-sender", daemon=True)

    def submit(self, batch: Iterable[Request]) -> None:
        """Send the requests; from any thread. Returns at once.

        Raises:
            RuntimeError: the sender has been closed.
        """
        if self._stop_at is not None:
            raise RuntimeError("the sender is closed")
        self._inbox.extend(batch)
        self._nudge()

    def refresh(self, *names: str) -> None:
        """Drop the kept connections of these policies; requests under way finish."""
        self._refreshes.extend(names)
        self._nudge()

    def close(self, timeout: float) -> None:
        """Stop: what is under way may finish for `timeout` seconds.

        What has not finished, or not begun, comes back with phase `stopped`.
        Closing once more does nothing.
        """
        if self._stop_at is not None:
            return
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
                self._hand_over()
                self._wait()
            except Exception:  # noqa: BLE001 (the thread must outlive every fault)
                _log.exception("the sender failed in a round; its requests are given back")
                self._abandon("internal", "the sender failed")
        self._abandon("stopped", "the sender was stopped")
        while self._inbox:
            request = self._inbox.popleft()
            self._done.append(Outcome(request.tag, phase="stopped", error="the sender was stopped"))
        self._hand_over()

    def _round(self) -> None:
        while self._refreshes:
            self._retire(self._refreshes.popleft())
        inbox = self._inbox
        while inbox and self._in_flight < self._max and self._stop_at is None:
            self._begin(inbox.popleft())
        for pool in self._live():
            self._collect(pool)

    def _live(self) -> list[Pool]:
        return [pool for pool in (*self._pools.values(), *self._retired) if pool.busy]

    def _begin(self, request: Request) -> None:
        # Connections are kept under what they were opened with: never one for all.
        key = (request.policy, request.tls)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = self._open_pool(*key)
        try:
            refusal = pool.start(request)
        except (pycurl.error, ValueError, TypeError, AttributeError) as error:
            self._done.append(
                Outcome(request.tag, phase="request", error=f"it cannot be sent: {error}")
            )
            return
        except Exception:  # noqa: BLE001 (one request must not cost the others)
            _log.exception("a request could not be started")
            refusal = Outcome(request.tag, phase="internal", error="the sender failed")
        if refusal is None:
            self._in_flight += 1
        else:
            self._done.append(refusal)

    def _open_pool(self, policy: Policy, tls: Tls | None) -> Pool:
        own = [key for key, pool in self._pools.items() if pool.tls is not None and not pool.active]
        for key in own[: len(own) - OWN_POOLS + 1]:
            self._pools.pop(key).close()
        return Pool(policy, self._max, self._waiter.register, self._ca_file, tls)

    def _collect(self, pool: Pool) -> None:
        outcomes = pool.perform()
        self._in_flight -= len(outcomes)
        self._done += outcomes
        if pool.retired and not pool.active:
            self._retired.remove(pool)
            pool.close()

    def _retire(self, name: str) -> None:
        for key in [key for key, pool in self._pools.items() if pool.policy.name == name]:
            pool = self._pools.pop(key)
            if pool.active:
                pool.retired = True
                self._retired.append(pool)
            else:
                pool.close()

    def _wait(self) -> None:
        live = self._live()
        soonest = min((ms for pool in live if (ms := pool.timeout_ms()) >= 0), default=-1)
        seconds = None if soonest < 0 else soonest / 1000
        if self._stop_at is not None:
            left = max(0.0, self._stop_at - time.monotonic())
            seconds = left if seconds is None else min(seconds, left)
        self._asleep = True
        startable = self._inbox and self._in_flight < self._max and self._stop_at is None
        if soonest and not startable and not self._refreshes:
            self._waiter.wait([pool.multi for pool in live], seconds)
        self._asleep = False

    def _abandon(self, phase: str, error: str) -> None:
        pools = [*self._pools.values(), *self._retired]
        self._pools.clear()
        self._retired.clear()
        self._in_flight = 0
        self._done += abandon(pools, phase, error)

    def _hand_over(self) -> None:
        done, self._done = self._done, []
        hand_over(self._on_done, done)
