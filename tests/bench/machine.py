"""What a run was measured on, in one line: figures without it mean nothing."""

import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.helpers.postgres import programs


def machine() -> str:
    """Describe the machine."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [one.partition(":")[2].strip() for one in info.splitlines() if "model name" in one]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return ", ".join(
        (
            f"{names[0] if names else platform.machine()}",
            f"{len(os.sched_getaffinity(0))} cores",
            f"{memory:.0f} GB",
            f"Linux {platform.release()}",
            f"fdatasync of 4 KB {_sync_ms():.2f} ms",
            f"Python {platform.python_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            _postgres(),
        )
    )


def _sync_ms() -> float:
    """How long this disk takes to keep 4 KB: the floor of a durable commit."""
    took: list[float] = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _postgres() -> str:
    folder = programs()
    if folder is None:
        return "no PostgreSQL"
    command = [str(folder / "postgres"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"PostgreSQL {done.stdout.split()[2]}"
