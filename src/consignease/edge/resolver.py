"""Resolve endpoints' names and vet every address they have.

Names are resolved here, never inside the HTTP client, so that what was vetted
is what is connected to. A name is refused if *any* of its addresses is bad: a
client that picks among several must not be able to pick the bad one.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import msgspec

from consignease.edge.guard import Policy, verdict
from consignease.edge.target import Target

_log = logging.getLogger(__name__)

BUDGET = 5.0
"""Seconds a name may take to resolve."""

KEPT_GOOD, KEPT_BAD = 10.0, 1.0
"""Seconds for which addresses, and a failure to find any, are remembered."""

_MOST_NAMES = 10_000
_MOST_ADDRESSES = 16


class ResolveError(Exception):
    """The name has no address, or none was found in time; says so in plain words."""


class Vetted(msgspec.Struct, frozen=True):
    """A target that may be connected to.

    Attributes:
        address: numeric; several, all vetted, are joined by commas and are
            tried in turn. The form `Request.address` of the sender takes.
        reason: what the guard says about the first one.
        dns_us: microseconds that the caller has waited for the name's addresses;
            0 if they were known.
    """

    address: str
    reason: str
    dns_us: int = 0


class Refused(msgspec.Struct, frozen=True):
    """A target that may not be connected to.

    Attributes:
        phase: `resolve` if it has no address, `guard` if one of them is bad.
        reason: why, in plain words.
        dns_us: as in `Vetted`.
    """

    phase: str
    reason: str
    dns_us: int = 0


@runtime_checkable
class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the numeric addresses of `host`, best first.

        Raises:
            ResolveError: there is none, or it took too long.
        """
        ...

    def cached(self, host: str, port: int) -> Sequence[str] | None:
        """Return the addresses if they are known already, without waiting."""
        ...


class SystemResolver:
    """Asks the operating system, in a few threads of its own, and remembers briefly.

    To be used from one event loop. Several callers asking for one name at the
    same time share one look-up.
    """

    def __init__(self, *, threads: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a resolver.

        Args:
            threads: how many names are looked up at the same time.
            clock: seconds that never go back; decides what is still remembered.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="consignease-resolve")
        self._clock = clock
        self._good: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._bad: dict[str, tuple[float, str]] = {}
        self._running: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    def cached(self, host: str, port: int) -> tuple[str, ...] | None:
        """Return the addresses if they are remembered and fresh."""
        del port
        entry = self._good.get(host)
        if entry is None or entry[0] < self._clock():
            return None
        return entry[1]

    async def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Return the numeric addresses of `host`, best first.

        Raises:
            ResolveError: there is none, or it took longer than `BUDGET`.
        """
        known = self.cached(host, port)
        if known is not None:
            return known
        failed = self._bad.get(host)
        if failed is not None and failed[0] >= self._clock():
            raise ResolveError(failed[1])
        running = self._running.get(host)
        if running is None:
            running = asyncio.ensure_future(self._look_up(host))
            self._running[host] = running
            running.add_done_callback(lambda done: self._finished(host, done))
        # One caller that gives up must not stop the look-up for the others.
        return await asyncio.shield(running)

    def close(self) -> None:
        """Stop; look-ups still running are abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(BUDGET):
                return await loop.run_in_executor(self._pool, _addresses, host)
        except TimeoutError:
            raise ResolveError(f"the name {host} did not resolve within {BUDGET:g} s") from None

    def _finished(self, host: str, done: asyncio.Future[tuple[str, ...]]) -> None:
        self._running.pop(host, None)
        if done.cancelled():
            return
        if len(self._good) > _MOST_NAMES or len(self._bad) > _MOST_NAMES:
            self._good.clear()
            self._bad.clear()
        error = done.exception()
        if error is None:
            self._bad.pop(host, None)
            self._good[host] = (self._clock() + KEPT_GOOD, done.result())
        elif isinstance(error, ResolveError):
            self._bad[host] = (self._clock() + KEPT_BAD, str(error))


def vet_now(resolver: Resolver, target: Target, policy: Policy) -> Vetted | Refused | None:
    """Vet `target` without waiting; None if its name has to be resolved first."""
    if target.literal:
        return vet_addresses((target.host,), target.host, policy)
    known = resolver.cached(target.host, target.port)
    return None if known is None else vet_addresses(tuple(known), target.host, policy)


async def vet(resolver: Resolver, target: Target, policy: Policy) -> Vetted | Refused:
    """Resolve `target` and judge every address it has.

    Never raises for what the name or its addresses are: the answer says so.
    """
    now = vet_now(resolver, target, policy)
    if now is not None:
        return now
    began = time.monotonic_ns()
    try:
        found = await resolver.resolve(target.host, target.port)
    except ResolveError as error:
        judged = Refused("resolve", str(error))
    except Exception as error:  # noqa: BLE001 - an endpoint must not wait for ever for a look-up
        _log.exception("the look-up of a name failed")
        why = f"the look-up of {target.host} failed ({type(error).__name__})"
        judged = Refused("resolve", why)
    else:
        judged = vet_addresses(tuple(found), target.host, policy)
    return msgspec.structs.replace(judged, dns_us=(time.monotonic_ns() - began) // 1000)


def vet_addresses(addresses: tuple[str, ...], host: str, policy: Policy) -> Vetted | Refused:
    """Judge every one of the `addresses` that `host` has."""
    if not addresses:
        return Refused("resolve", f"the name {host} has no address")
    for address in addresses:
        judged = verdict(address, policy)
        if not judged.ok:
            return Refused("guard", f"{address} is {judged.reason}")
    usable = addresses[:_MOST_ADDRESSES]
    address = usable[0] if len(usable) == 1 else ",".join(usable)
    return Vetted(address, verdict(addresses[0], policy).reason)


def _addresses(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # socket.gaierror's texts differ between systems and say no more.
        raise ResolveError(f"the name {host} does not resolve") from None
    except UnicodeError:
        raise ResolveError(f"{host} is not a valid name") from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
