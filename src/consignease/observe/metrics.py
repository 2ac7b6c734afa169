"""The page `/metrics`: everything that is counted, in one place."""

import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from consignease import __version__
from consignease.domain.counting import Histogram
from consignease.domain.delivery import State
from consignease.domain.faults import Unavailable
from consignease.observe.backlog import Backlog
from consignease.observe.exposition import Labels, Page
from consignease.observe.names import WatchedResolver
from consignease.observe.pulse import Pulse
from consignease.observe.requests import Requests
from consignease.store.backlog import Depth
from consignease.store.opening import AnyStore
from consignease.work.deliver import Deliverer
from consignease.work.meter import Meter, cause

_STARTED = time.time()
_ENDED = {State.SUCCEEDED: "succeeded", State.FAILED: "failed", State.CANCELED: "canceled"}


class Metrics:
    """Reads what others counted, and writes the page.

    Args:
        store: Commits.
        worker: Attempts and deliveries.
        backlog: What waits.
        names: Look-ups of names.
        pulse: The event loop.
        requests: Requests to the APIs.
        database: The SQLite file; None on PostgreSQL.
    """

    def __init__(
        self,
        *,
        store: AnyStore,
        worker: Deliverer,
        backlog: Backlog,
        names: WatchedResolver,
        pulse: Pulse,
        requests: Requests,
        database: Path | None,
    ) -> None:
        self._store = store
        self._worker = worker
        self._backlog = backlog
        self._names = names
        self._pulse = pulse
        self._requests = requests
        self._wal = None if database is None else Path(f"{database}-wal")
        self.connections = _none

    async def page(self) -> bytes:
        """Return the page; what the database cannot tell just now is left out."""
        page = Page()
        page.family(
            "consignease_build_info",
            "gauge",
            "The release that runs; always 1.",
            [({"version": __version__}, 1)],
        )
        try:
            depths = await self._backlog.read()
            page.gauge("consignease_database_up", "Whether the database answers.", 1)
            _waiting(page, depths)
        except (Unavailable, TimeoutError, OSError):
            page.gauge("consignease_database_up", "Whether the database answers.", 0)
        self._deliveries(page, self._worker.meter)
        self._commits(page)
        self._http(page)
        self._process(page)
        return page.text().encode()

    def _deliveries(self, page: Page, meter: Meter) -> None:
        attempts: dict[tuple[str, str], int] = {}
        for key, count in list(meter.results.items()):
            reason = key if isinstance(key, str) else cause(key, None)
            result = "succeeded" if reason == "2xx" else "failed"
            attempts[result, reason] = attempts.get((result, reason), 0) + count
        page.family(
            "consignease_attempts_total",
            "counter",
            "Attempts by result, and by the class of the answer's status or the phase that failed.",
            [({"result": r, "reason": why}, n) for (r, why), n in sorted(attempts.items())],
        )
        page.family(
            "consignease_deliveries_total",
            "counter",
            "Deliveries that an attempt has ended, by how.",
            [({"state": name}, meter.states[state]) for state, name in _ENDED.items()],
        )
        page.histograms(
            "consignease_queue_seconds",
            "From a message's creation to its first attempt.",
            [({}, meter.queue_ms)],
            per_unit=1_000,
        )
        page.histograms(
            "consignease_receiver_seconds",
            "What attempts took: connecting, sending, and the receiver's answer.",
            [({}, meter.receiver_us)],
            per_unit=1_000_000,
        )
        in_flight = sum(gate.in_flight for gate in list(self._worker.gates.values()))
        page.gauge("consignease_requests_in_flight", "Attempts under way.", in_flight)
        page.counter(
            "consignease_receiver_connections_total",
            "Connections opened to receivers.",
            meter.connections,
        )
        page.counter(
            "consignease_lease_takeovers_total",
            "Deliveries taken over because the lease on them had ended.",
            meter.takeovers,
        )
        page.counter(
            "consignease_sender_failures_total",
            "Requests that failed for a reason of our own and were made again.",
            meter.sender_failures,
        )
        page.counter(
            "consignease_sender_restarts_total",
            "Times the sender's thread had ended and was started again.",
            self._pulse.restarts,
        )
        names = self._names
        page.family(
            "consignease_names_total",
            "counter",
            "Look-ups of receivers' names, by whether an address was found.",
            [({"result": "found"}, names.found), ({"result": "failed"}, names.failed)],
        )

    def _commits(self, page: Page) -> None:
        commits = self._store.commits
        page.histograms(
            "consignease_commit_units",
            "Units of work in one commit.",
            [({}, commits.units)],
        )
        page.histograms(
            "consignease_commit_seconds",
            "What commits took, from the first statement on.",
            [({}, commits.microseconds)],
            per_unit=1_000_000,
        )
        page.counter(
            "consignease_commits_refused_total",
            "Commits that the database refused.",
            commits.refused,
        )
        if self._wal is not None:
            size = self._wal.stat().st_size if self._wal.exists() else 0
            page.gauge("consignease_wal_bytes", "Size of SQLite's write-ahead log.", size)

    def _http(self, page: Page) -> None:
        answers = sorted(self._requests.answers.items())
        page.family(
            "consignease_http_requests_total",
            "counter",
            "Requests to the APIs, by operation and status.",
            [({"operation": op, "status": str(status)}, n) for (op, status), n in answers],
        )
        times: list[tuple[Labels, Histogram]] = [
            ({"operation": op}, one) for op, one in sorted(self._requests.microseconds.items())
        ]
        page.histograms(
            "consignease_http_request_seconds",
            "What requests to the APIs took.",
            times,
            per_unit=1_000_000,
        )
        page.gauge(
            "consignease_http_connections", "Open connections of clients.", self.connections()
        )

    def _process(self, page: Page) -> None:
        pulse = self._pulse
        page.gauge("consignease_loop_lag_seconds", "How late the event loop was last.", pulse.lag)
        page.counter(
            "consignease_loop_stalls_total", "Times the event loop stood still.", pulse.stalls
        )
        used = resource.getrusage(resource.RUSAGE_SELF)
        page.counter(
            "process_cpu_seconds_total",
            "CPU time of this process.",
            used.ru_utime + used.ru_stime,
        )
        page.gauge("process_resident_memory_bytes", "Memory of this process.", _resident(used))
        page.gauge("process_start_time_seconds", "When this process began.", _STARTED)
        page.gauge("process_threads", "Threads of this process.", threading.active_count())
        files = Path("/proc/self/fd")
        if files.exists():
            page.gauge(
                "process_open_fds",
                "Open files and connections of this process.",
                len(os.listdir(files)),  # noqa: PTH208 - counted, not walked
            )


def _waiting(page: Page, depths: Mapping[str, Depth]) -> None:
    page.family(
        "consignease_oldest_undelivered_seconds",
        "gauge",
        "Age of the oldest message that is not delivered, held ones apart.",
        [({"instance": one.name}, one.oldest_ms / 1000) for one in depths.values()],
    )
    page.family(
        "consignease_late_seconds",
        "gauge",
        "How long the first delivery that is due has been due.",
        [({"instance": one.name}, one.late_ms / 1000) for one in depths.values()],
    )
    states = ("waiting", "due", "scheduled", "sending", "held")
    page.family(
        "consignease_deliveries_open",
        "gauge",
        "Deliveries that are not finished, by state.",
        [
            ({"instance": one.name, "state": state}, getattr(one, state))
            for one in depths.values()
            for state in states
        ],
    )


def _resident(used: resource.struct_rusage) -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        # Elsewhere only the most that it ever was is known; macOS counts bytes.
        return used.ru_maxrss if sys.platform == "darwin" else used.ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _none() -> int:
    return 0
