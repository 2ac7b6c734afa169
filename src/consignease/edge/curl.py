"""One request inside libcurl: options, callbacks, and what its errors mean."""

import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from hashlib import blake2s

import pycurl

from consignease import __version__
from consignease.edge.guard import DEVELOPMENT, Policy, verdict
from consignease.edge.outcome import (
    BODY_LIMIT,
    HEADERS_LIMIT,
    WHILE_CONNECTING,
    WHILE_TLS,
    Outcome,
    Request,
)
from consignease.edge.tls import Tls

LIFETIME_S = 300
"""Seconds after which a kept connection is not used again."""

IDLE_S = 60
"""Seconds of idleness after which a kept connection is not used again."""

USER_AGENT = f"Consignease/{__version__}"
"""What every request says of who sends it."""

_HEADER_LINES = 128
_LARGE = 16_384
_NEW_CONNECTIONS, _STATUS = pycurl.NUM_CONNECTS, pycurl.RESPONSE_CODE
_FIRST_FINAL_STATUS = 200
_TOO_LARGE = 100
"""libcurl's CURLE_TOO_LARGE, which pycurl does not name."""

_PHASES: dict[int, tuple[str, str]] = {
    pycurl.E_UNSUPPORTED_PROTOCOL: ("read", "the answer is not HTTP/1"),
    pycurl.E_URL_MALFORMAT: ("request", "the URL cannot be requested"),
    pycurl.E_COULDNT_RESOLVE_HOST: ("resolve", "the name was not resolved"),
    pycurl.E_COULDNT_CONNECT: ("connect", "no connection"),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: ("read", "the answer is not HTTP"),
    pycurl.E_PARTIAL_FILE: ("read", "the answer ended before its announced length"),
    pycurl.E_GOT_NOTHING: ("wait", "the connection was closed without an answer"),
    pycurl.E_SEND_ERROR: ("send", "the connection broke while sending"),
    pycurl.E_SSL_CONNECT_ERROR: ("tls", "the TLS handshake failed"),
    pycurl.E_PEER_FAILED_VERIFICATION: ("tls", "the certificate was not accepted"),
    pycurl.E_SSL_CACERT_BADFILE: ("internal", "the file of trusted certificates is unusable"),
    pycurl.E_SSL_CIPHER: ("tls", "no common cipher"),
    pycurl.E_OUT_OF_MEMORY: ("internal", "out of memory"),
    pycurl.E_BAD_CONTENT_ENCODING: ("read", "the answer's encoding is broken"),
    pycurl.E_BAD_FUNCTION_ARGUMENT: ("request", "the request cannot be sent"),
    pycurl.E_OPERATION_TIMEDOUT: ("deadline", ""),
    pycurl.E_RECV_ERROR: ("read", "the connection broke while reading the answer"),
    _TOO_LARGE: ("read", "the answer's headers are too large"),
}


def default_ca_file() -> str | None:
    """Return the file of certificates this system trusts, if it has one.

    The environment's `SSL_CERT_FILE` decides first. A packaged libcurl looks
    where another Linux distribution keeps it, so it has to be told.
    """
    return ssl.get_default_verify_paths().cafile


class _Socket:
    """A socket for libcurl, which makes a copy of its number and keeps that."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._number

    def __del__(self) -> None:
        os.close(self._number)


class Exchange:
    """One request and its answer on a libcurl handle kept between requests.

    Only body and headers are set anew for each; the address guard's callbacks
    run for every request, on kept connections too.
    """

    # The handle is held, not inherited from: attributes of a pycurl subclass
    # live in a slow dictionary of pycurl's own.
    __slots__ = (
        "_body",
        "_full",
        "_info",
        "_lines",
        "_ours",
        "_policy",
        "_refused",
        "_set",
        "handle",
        "key",
        "request",
    )

    def __init__(
        self,
        policy: Policy,
        register: Callable[[int], None],
        ca_file: str | None,
        tls: Tls | None = None,
    ) -> None:
        """Make a handle for one policy.

        Args:
            policy: what the guard judges by.
            register: told the number of each new socket.
            ca_file: trusted certificates; None for libcurl's own idea of them.
            tls: certificates of an endpoint's own.
        """
        self.handle = pycurl.Curl()
        self._set, self._info = self.handle.setopt, self.handle.getinfo
        self._policy = policy
        self._refused = self._ours = ""
        self._full = False
        self._body = bytearray()
        self._lines: deque[bytes] = deque(maxlen=_HEADER_LINES)
        self.key = ("", "", 0)
        self.request = _NO_REQUEST
        for option, value in _OPTIONS:
            self._set(option, value)
        if ca_file is not None:
            self._set(pycurl.CAINFO, ca_file)
        if tls is not None:
            self._identify(tls)

        def watch(fd: int, _purpose: int) -> int:
            register(fd)
            return pycurl.SOCKOPT_OK

        self._set(pycurl.SOCKOPTFUNCTION, watch)
        self._set(pycurl.OPENSOCKETFUNCTION, self._open)
        self._set(pycurl.PREREQFUNCTION, self._before)
        # Bounded without a line of Python: the last lines are the final answer's.
        self._set(pycurl.HEADERFUNCTION, self._lines.append)
        self._set(pycurl.WRITEFUNCTION, self._take)

    def _identify(self, tls: Tls) -> None:
        if tls.ca:
            self.handle.unsetopt(pycurl.CAINFO)
            self.handle.unsetopt(pycurl.CAPATH)
            self._set(pycurl.CAINFO_BLOB, tls.ca)
        if tls.certificate:
            self._set(pycurl.SSLCERT_BLOB, tls.certificate)
            self._set(pycurl.SSLKEY_BLOB, tls.key)

    def aim(self, request: Request, key: tuple[str, str, int]) -> str:
        """Set what requests to one target share; returns why it is refused, or nothing.

        CONNECT_TO makes the vetted address part of the key by which kept
        connections are found, while Host, SNI and the certificate check stay on
        the name. Several addresses hide behind a made-up name that stands for
        exactly this set, so that libcurl tries them in turn.
        """
        addresses = request.address.split(",")
        for address in addresses:
            judged = verdict(address, self._policy)
            if not judged.ok:
                return f"{address} is {judged.reason}"
        shown = [f"[{address}]" if ":" in address else address for address in addresses]
        where = shown[0]
        if len(shown) > 1:
            where = f"{blake2s(request.address.encode(), digest_size=12).hexdigest()}.invalid"
            self._set(pycurl.RESOLVE, [f"{where}:{request.port}:{','.join(shown)}"])
        self._set(pycurl.CONNECT_TO, [f"::{where}:{request.port}"])
        self._set(pycurl.URL, request.url)
        self._set(pycurl.TIMEOUT_MS, request.timeout_ms)
        self.key = key
        return ""

    def load(self, request: Request) -> None:
        """Set what differs between requests to one target."""
        self.request = request
        self._refused = self._ours = ""
        self._set(pycurl.POSTFIELDS, request.body)
        headers = request.headers
        if headers and isinstance(headers[0], bytes):
            self._set(pycurl.HTTPHEADER, [*headers, b"Expect:"])
        else:
            self._set(pycurl.HTTPHEADER, [*headers, "Expect:"])

    def outcome(self, code: int, detail: str) -> Outcome:
        """Read the result and make the handle ready for the next request.

        Args:
            code: libcurl's, 0 if all went well.
            detail: libcurl's words.
        """
        info = self._info
        status: int = info(_STATUS)
        total: int = info(pycurl.TOTAL_TIME_T)
        first: int = info(pycurl.STARTTRANSFER_TIME_T)
        connect = tls = 0
        reused = info(_NEW_CONNECTIONS) == 0
        if not reused:
            connect = info(pycurl.CONNECT_TIME_T)
            tls = max(0, info(pycurl.APPCONNECT_TIME_T) - connect)
        wait = max(0, first - connect - tls)
        body = bytes(self._body)
        if body:
            self._body.clear()
        headers = b"".join(self._lines)
        self._lines.clear()
        phase, error = None, ""
        if code:
            phase, error = self._explain(code, detail, status)
        if self._full or status < _FIRST_FINAL_STATUS or len(headers) > HEADERS_LIMIT:
            self._full = False
            body = body[:BODY_LIMIT]
            status = status if status >= _FIRST_FINAL_STATUS else 0
        last = headers.rfind(b"\r\nHTTP/") + 2  # interim (1xx) answers come before
        if last > 1 or len(headers) > HEADERS_LIMIT:
            headers = headers[last if last > 1 else 0 :][:HEADERS_LIMIT]
        tag = self.request.tag
        self._unload()
        return Outcome(tag, status, phase, error, body, headers, connect, tls, wait, total, reused)

    def _unload(self) -> None:
        if len(self.request.body) > _LARGE:
            self._set(pycurl.POSTFIELDS, b"")  # an idle handle must not keep it
        self.request = _NO_REQUEST

    def _explain(self, code: int, detail: str, status: int) -> tuple[str | None, str]:
        """Say in which phase it failed and why; None if a cut answer counts as whole."""
        if self._ours:
            return "internal", self._ours
        if self._refused:
            return "guard", self._refused
        if self._full and code == pycurl.E_WRITE_ERROR:
            return None, ""
        phase, words = _PHASES.get(code, ("read", "the answer could not be read"))
        if phase == "deadline":
            words = f"no whole answer within {self.key[2] / 1000:g} s ({self._doing(status)})"
        elif phase == "tls":
            words = f"{words}: {detail}"
        elif phase == "connect":
            number = self._info(pycurl.OS_ERRNO)
            reason = os.strerror(number).lower() if number else "the address cannot be reached"
            words = f"{words} to {self.request.address} port {self.request.port}: {reason}"
        elif code == pycurl.E_RECV_ERROR and not status:
            return "wait", "the connection broke while waiting for the answer"
        return phase, words

    def _doing(self, status: int) -> str:
        if status >= _FIRST_FINAL_STATUS:
            return "while reading the answer"
        if self._info(pycurl.PRETRANSFER_TIME_T):
            return "while waiting for the answer"
        return WHILE_TLS if self._info(pycurl.CONNECT_TIME_T) else WHILE_CONNECTING

    def _open(
        self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]
    ) -> "_Socket | int":
        family, kind, protocol, where = address
        judged = verdict(where[0], self._policy)
        if not judged.ok:
            self._refused = f"{where[0]} is {judged.reason}"
            return pycurl.SOCKET_BAD
        try:
            return _Socket(socket.socket(family, kind, protocol).detach())
        except OSError as error:
            self._ours = f"no socket could be opened: {error.strerror}"
            return pycurl.SOCKET_BAD

    def _before(self, address: str, _local: str, _port: int, _local_port: int) -> int:
        judged = verdict(address, self._policy)
        if judged.ok:
            return pycurl.PREREQFUNC_OK
        self._refused = f"{address} is {judged.reason}"
        return pycurl.PREREQFUNC_ABORT

    def _take(self, chunk: bytes) -> int | None:
        self._body += chunk
        if len(self._body) > BODY_LIMIT:
            self._full = True
            return 0
        return None


_NO_REQUEST = Request(None, "", "", 0, "", [], b"", 0, DEVELOPMENT)

_OPTIONS: tuple[tuple[int, object], ...] = (
    (pycurl.POST, 1),
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),
    (pycurl.NOPROXY, "*"),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.REDIR_PROTOCOLS, 0),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.HTTP09_ALLOWED, 0),
    (pycurl.TCP_NODELAY, 1),
    (pycurl.MAXLIFETIME_CONN, LIFETIME_S),
    (pycurl.MAXAGE_CONN, IDLE_S),
    (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
    (pycurl.SSL_VERIFYPEER, 1),
    (pycurl.SSL_VERIFYHOST, 2),
    (pycurl.USERAGENT, USER_AGENT),
)
