"""The libcurl handles and kept connections of one guard policy and set of certificates."""

import logging
from collections.abc import Callable

import pycurl

from consignease.edge.curl import Exchange
from consignease.edge.guard import Policy
from consignease.edge.headers import clean
from consignease.edge.outcome import Outcome, Request
from consignease.edge.tls import Tls

_log = logging.getLogger(__name__)
_IDLE_HANDLES = 1024


class Pool:
    """One multi handle: connections opened under one policy stay within it.

    Attributes:
        policy: the guard's.
        multi: libcurl's handle; the sender performs on it.
        active: the requests inside libcurl, by handle.
        tls: certificates of an endpoint's own; None for the usual ones.
        retired: whether new requests under this policy get another pool.
    """

    __slots__ = (
        "_ca_file",
        "_idle",
        "_idle_count",
        "_register",
        "active",
        "multi",
        "policy",
        "retired",
        "tls",
    )

    def __init__(
        self,
        policy: Policy,
        connections: int,
        register: Callable[[int], None],
        ca_file: str | None,
        tls: Tls | None = None,
    ) -> None:
        """Make an empty pool.

        Args:
            policy: the guard's.
            connections: how many are kept.
            register: told the number of each new socket.
            ca_file: trusted certificates; None for libcurl's own idea of them.
            tls: certificates of an endpoint's own.
        """
        self.policy = policy
        self.tls = tls
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.active: dict[pycurl.Curl, Exchange] = {}
        self.retired = False
        self._idle: dict[tuple[str, str, int], list[Exchange]] = {}
        self._idle_count = 0
        self._register = register
        self._ca_file = ca_file

    def start(self, request: Request) -> Outcome | None:
        """Give a request to libcurl, or say why not.

        Raises:
            pycurl.error, TypeError, ValueError: libcurl cannot take its parts.
        """
        if not clean(request.headers):
            words = "a header holds a line break or control character"
            return Outcome(request.tag, phase="request", error=words)
        key = (request.url, request.address, request.timeout_ms)
        exchanges = self._idle.get(key)
        if exchanges:
            self._idle_count -= 1
            exchange = exchanges.pop()
        else:
            exchange = Exchange(self.policy, self._register, self._ca_file, self.tls)
            refusal = exchange.aim(request, key)
            if refusal:
                exchange.handle.close()
                return Outcome(request.tag, phase="guard", error=refusal)
        exchange.load(request)
        self.multi.add_handle(exchange.handle)
        self.active[exchange.handle] = exchange
        return None

    @property
    def busy(self) -> bool:
        """Whether it has anything to do."""
        return bool(self.active)

    def given_back(self, phase: str, error: str) -> list[Outcome]:
        """Return outcomes of a failure of ours for whatever has not come back."""
        return [
            Outcome(exchange.request.tag, phase=phase, error=error)
            for exchange in self.active.values()
        ]

    def timeout_ms(self) -> int:
        """Return when `perform` has to be called at the latest; -1 if nothing waits."""
        return self.multi.timeout() if self.active else -1

    def perform(self) -> list[Outcome]:
        """Let libcurl go on, and take out of it what has finished."""
        self.multi.perform()
        outcomes: list[Outcome] = []
        more = 1
        while more:
            more, good, failed = self.multi.info_read()
            outcomes += [self._finish(handle, 0, "") for handle in good]
            outcomes += [self._finish(*failure) for failure in failed]
        return outcomes

    def close(self) -> None:
        """Close every connection and handle."""
        for handle in self.active:
            self.multi.remove_handle(handle)
            handle.close()
        for exchanges in self._idle.values():
            for exchange in exchanges:
                exchange.handle.close()
        self.active.clear()
        self._idle.clear()
        self.multi.close()

    def _finish(self, handle: pycurl.Curl, code: int, detail: str) -> Outcome:
        self.multi.remove_handle(handle)
        exchange = self.active.pop(handle)
        try:
            outcome = exchange.outcome(code, detail)
        except Exception:  # noqa: BLE001 (one answer must not cost the others)
            _log.exception("an answer could not be read")
            handle.close()
            return Outcome(exchange.request.tag, phase="internal", error="the sender failed")
        self._keep(exchange)
        return outcome

    def _keep(self, exchange: Exchange) -> None:
        exchanges = self._idle.get(exchange.key)
        if exchanges is None:
            exchanges = self._idle[exchange.key] = []
        exchanges.append(exchange)
        self._idle_count += 1
        if self._idle_count > _IDLE_HANDLES:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while True:
            key, exchanges = next(iter(self._idle.items()))
            if exchanges:
                break
            del self._idle[key]
        exchanges.pop().handle.close()
        self._idle_count -= 1
