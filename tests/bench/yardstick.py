"""How fast this machine is while a round runs: shared ones change by the second, and twofold."""

import hmac
import os
import statistics
import threading
import time
from types import TracebackType
from typing import Self

REFERENCE_US = 2.58
"""CPU microseconds of one HMAC-SHA256 of 1.5 KB on the machine that the budgets were set on."""

_TIMES = 100
_EVERY_S = 0.1


class Yardstick:
    """Times one signature on a core, now and then, beside whatever runs there.

    Its process should have nothing else to do. Takes about 0.5 % of the core.

    Args:
        core: Number of the core; None for any.
    """

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._found: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="yardstick", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def microseconds(self) -> float:
        """The median of what was found."""
        return statistics.median(self._found)

    def _measure(self) -> None:
        if self._core is not None:
            os.sched_setaffinity(threading.get_native_id(), {self._core})
        key, body = b"k" * 24, b"x" * 1536
        while not self._found or not self._over.wait(_EVERY_S):
            began = time.thread_time()
            for _ in range(_TIMES):
                hmac.digest(key, body, "sha256")
            self._found.append((time.thread_time() - began) / _TIMES * 1e6)
