"""What the worker counts, and the one line it logs of each failed attempt.

It is told of attempts in batches, once they are recorded: an attempt whose
record has to be written again is counted once.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence

from consignease.app.attempts import Tried
from consignease.domain.counting import QUEUE_MS, SECONDS_US, Histogram
from consignease.domain.delivery import State
from consignease.domain.messages import message_id

_log = logging.getLogger("consignease.attempts")

_SUCCEEDED = State.SUCCEEDED
_NUMBER, _STATUS, _PHASE, _ERROR = 2, 5, 6, 7


class Meter:
    """The numbers of one process's worker.

    Attributes:
        results: Attempts by the status of the answer, or by the phase that failed.
        states: Attempts by the state that they left their delivery in.
        queue_ms: From a message's creation to its first attempt, in milliseconds.
        receiver_us: What an attempt took, in microseconds.
        connections: Connections that were opened to receivers.
        takeovers: Deliveries taken over because their lease had ended.
        sender_failures: Requests that failed for a reason of our own, and were made again.
        names: Endpoints' ids by their numbers inside the database.
        spans: Told of recorded attempts too, where traces are kept.
    """

    def __init__(self) -> None:
        self.results: dict[int | str, int] = {}
        self.states = [0] * len(State)
        self.queue_ms = Histogram(QUEUE_MS)
        self.receiver_us = Histogram(SECONDS_US)
        self.connections = 0
        self.takeovers = 0
        self.sender_failures = 0
        self._said = ""
        self.names: dict[int, str] = {}
        self.spans: Callable[[Sequence[Tried]], None] | None = None

    def recorded(self, tried: Sequence[Tried]) -> None:
        """Count attempts that are durably recorded."""
        # On the path of every delivery: no call but the two of bisect.
        results, receiver, queue = self.results, self.receiver_us, self.queue_ms
        times, time_bounds = receiver.counts, receiver.bounds
        waits, wait_bounds = queue.counts, queue.bounds
        failed: list[Tried] = []
        took = waited = opened = 0
        for one in tried:
            _, _, number, sent_at, _, status, phase, _, _, _, connect_us, _, _, total_us, _, _ = (
                one.attempt
            )
            key = phase or status
            results[key] = results.get(key, 0) + 1
            if one.settled.state is not _SUCCEEDED:
                failed.append(one)
            times[bisect_left(time_bounds, total_us)] += 1
            took += total_us
            if connect_us:
                opened += 1
            if number == 1:
                wait = sent_at - one.item.at
                waits[bisect_left(wait_bounds, wait)] += 1
                waited += wait
        receiver.total += took
        queue.total += max(0, waited)
        self.connections += opened
        self.states[_SUCCEEDED] += len(tried) - len(failed)
        for one in failed:
            self.states[one.settled.state] += 1
        if failed or self.spans is not None:
            self._tell(tried, failed)

    def _tell(self, tried: Sequence[Tried], failed: Sequence[Tried]) -> None:
        """Log and trace; whatever happens there, deliveries go on."""
        try:
            if _log.isEnabledFor(logging.INFO):
                for one in failed:
                    self._say(one)
            if self.spans is not None:
                self.spans(tried)
        except Exception:  # noqa: BLE001 - whoever watches must not hold up what is watched
            _log.exception("attempts could not be logged or traced")

    def internal(self, error: str) -> None:
        """Count a request that the sender itself could not make; the first in a while is logged."""
        self.sender_failures += 1
        if error != self._said or self.sender_failures % 1_000 == 0:
            self._said = error
            _log.error("the sender failed, its requests are made again: %s", error)

    def _say(self, one: Tried) -> None:
        item, row, settled = one.item, one.attempt, one.settled
        ids: dict[str, object] = {
            "instance_id": item.instance_id,
            "endpoint_id": self.names.get(item.endpoint, str(item.endpoint)),
            "message_id": message_id(item.instance_id, item.cursor, item.at),
            "attempt": row[_NUMBER],
            "cause": cause(row[_STATUS], row[_PHASE]),
            "state": settled.state.name.lower(),
        }
        if settled.due_at is not None:
            ids["next_in_s"] = round((settled.due_at - one.now) / 1000, 1)
        _log.info("attempt failed: %s", row[_ERROR] or f"it answered {row[_STATUS]}", extra=ids)
        if settled.gone:
            _log.warning(
                "endpoint disabled: it answered 410 Gone",
                extra={name: ids[name] for name in ("instance_id", "endpoint_id")},
            )


def cause(status: int, phase: str | None) -> str:
    """Name why an attempt failed: the phase, else the class of the answer's status."""
    return phase or f"{status // 100}xx"
