"""Writing SQLite's log back into its file, without holding up who writes."""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable

_log = logging.getLogger("consignease.store")

UNITS = 1_000
"""After how many units the log is written back."""
PASSES, QUICK_SECONDS = 8, 0.005
"""It is gone over so many times, or until that takes no longer: the writer has to go over it
once more, and its pass takes about as long as the one before."""

_WRITE_BACK = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpointer:
    """A thread beside the writer's, with a connection of its own.

    Args:
        connect: Opens the connection.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._asked = threading.Event()
        self._closing = False
        self._units = 0
        self._nearly = False
        self._thread = threading.Thread(target=self._run, name="consignease-checkpoint")
        self._thread.start()

    def wrote(self, units: int, connection: sqlite3.Connection) -> None:
        """Note that units were committed; in the writer's thread, over its connection."""
        self._units += units
        if self._nearly:
            # Only the writer can let the log start over: under constant writes
            # no other connection ever finds a moment without a newer frame.
            self._nearly = False
            with contextlib.suppress(sqlite3.Error):
                connection.execute(_WRITE_BACK).fetchall()
        elif self._units >= UNITS:
            self._units = 0
            self._asked.set()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        while self._asked.wait() and not self._closing:
            self._asked.clear()
            try:
                for _ in range(PASSES):
                    began = time.monotonic()
                    connection.execute(_WRITE_BACK).fetchall()
                    if time.monotonic() - began < QUICK_SECONDS:
                        break
            except sqlite3.Error as error:
                _log.warning("the write-ahead log cannot be written back yet: %s", error)
            self._nearly = True
        connection.close()
