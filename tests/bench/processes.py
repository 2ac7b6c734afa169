"""Processes under measurement: where they run, and what they use (Linux)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Start processes on one core, with all threads that they will ever have."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _fields(pid: int) -> list[str]:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()


def family(root: int) -> list[int]:
    """Return a process and all its descendants that live."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int(_fields(int(folder.name))[1])
            except OSError:
                continue
    found = [root]
    for one in found:
        found += [pid for pid, parent in parents.items() if parent == one]
    return found


def cpu_seconds(*roots: int) -> float:
    """Return the CPU that processes and their descendants used, ended ones too."""
    ticks = 0
    for root in roots:
        for pid in family(root):
            try:
                ticks += sum(map(int, _fields(pid)[11:15]))
            except OSError:
                continue
    return ticks / TICKS


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def folder_bytes(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
