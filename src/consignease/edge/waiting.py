"""Wait for sockets, timers and other threads, for a loop around libcurl.

libcurl's own `select` has a limit on socket numbers and cannot be woken, and
its socket callbacks cost more Python than the requests themselves. On Linux an
edge-triggered epoll is told each socket once, when libcurl makes it; after any
event libcurl is asked to perform, and finds out by itself what can go on.
"""

import os
import select
from collections.abc import Iterable
from typing import Protocol

import pycurl

_BATCH = 256


class Waiter(Protocol):
    """What a sender's thread sleeps on."""

    def register(self, fd: int) -> None:
        """Watch a socket from now on, until it is closed."""
        ...

    def wait(self, multis: Iterable[pycurl.CurlMulti], seconds: float | None) -> None:
        """Sleep until a socket is ready, `wake` is called or the time is over."""
        ...

    def wake(self) -> None:
        """End the present or next `wait`; from any thread."""
        ...

    def close(self) -> None:
        """Release what the system lent."""
        ...


class EpollWaiter:
    """Edge-triggered epoll; closing a socket takes it off the list by itself."""

    def __init__(self) -> None:
        """Open the epoll and the event that wakes it."""
        self._epoll = select.epoll()
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Edge-triggered, so the event needs no reading: every write is an edge.
        self._epoll.register(self._event, select.EPOLLIN | select.EPOLLET)
        self._mask = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET

    def register(self, fd: int) -> None:
        """Watch a socket until it is closed."""
        try:
            self._epoll.register(fd, self._mask)
        except FileExistsError:
            self._epoll.modify(fd, self._mask)

    def wait(self, multis: Iterable[pycurl.CurlMulti], seconds: float | None) -> None:
        """Sleep until something happens or the time is over."""
        del multis
        self._epoll.poll(seconds, _BATCH)

    def wake(self) -> None:
        """End the wait."""
        os.eventfd_write(self._event, 1)

    def close(self) -> None:
        """Close the epoll and the event."""
        self._epoll.close()
        os.close(self._event)


class SelectWaiter:
    """Asks libcurl for its sockets before every wait; where there is no epoll."""

    def __init__(self) -> None:
        """Open the pipe that wakes the wait."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def register(self, fd: int) -> None:
        """Nothing to do: libcurl is asked each time."""

    def wait(self, multis: Iterable[pycurl.CurlMulti], seconds: float | None) -> None:
        """Sleep until something happens or the time is over."""
        readers: list[int] = [self._read]
        writers: list[int] = []
        errors: list[int] = []
        for multi in multis:
            reads, writes, faults = multi.fdset()
            readers += reads
            writers += writes
            errors += faults
        ready, _, _ = select.select(readers, writers, errors, seconds)
        if self._read in ready:
            os.read(self._read, 65536)

    def wake(self) -> None:
        """End the wait."""
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            return  # the pipe is full of wakes already

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)


def best_waiter() -> Waiter:
    """Make the waiter that suits this system."""
    if hasattr(select, "epoll") and hasattr(os, "eventfd"):
        return EpollWaiter()
    return SelectWaiter()
