"""Ways to answer a request, from well to hostile, as steps for the test receiver."""

import enum
from collections.abc import Callable, Iterable, Iterator
from itertools import count, repeat

import msgspec


class End(enum.Enum):
    """How an answer ends."""

    KEEP = "keep the connection for the next request"
    CLOSE = "close it in order"
    RESET = "reset it"
    HANG = "leave it open and say nothing more"


class Pause(msgspec.Struct, frozen=True):
    """Wait this many seconds before the next step."""

    seconds: float


Step = bytes | Pause | End
Headers = Iterable[tuple[str, str]]
Behaviour = Callable[[], Iterable[Step]]

_REASONS = {200: "OK", 204: "No Content", 410: "Gone", 429: "Too Many Requests", 500: "Oops"}


def raw(status: int = 200, headers: Headers = (), body: bytes = b"ok") -> bytes:
    """Write one whole answer."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status >= 200 and status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


def answer(status: int = 200, headers: Headers = (), body: bytes = b"ok") -> Behaviour:
    """Answer in full and keep the connection."""
    steps = (raw(status, headers, body),)
    return lambda: steps


def slow(seconds: float, status: int = 200) -> Behaviour:
    """Answer in full, after a while."""
    return lambda: (Pause(seconds), raw(status))


def retry_after(value: str, status: int = 429) -> Behaviour:
    """Ask to be left alone for a while."""
    return answer(status, [("Retry-After", value)])


def close_after(status: int = 200) -> Behaviour:
    """Answer, saying that the connection closes, and close it."""
    return lambda: (raw(status, [("Connection", "close")]), End.CLOSE)


def drop_after(status: int = 200) -> Behaviour:
    """Answer as if the connection were kept, and close it a moment later."""
    return lambda: (raw(status), Pause(0.01), End.CLOSE)


def hang() -> Behaviour:
    """Never answer."""
    return lambda: (End.HANG,)


def close_unanswered() -> Behaviour:
    """Close the connection without an answer."""
    return lambda: (End.CLOSE,)


def reset() -> Behaviour:
    """Reset the connection without an answer."""
    return lambda: (End.RESET,)


def drip_headers(every: float = 0.02) -> Behaviour:
    """Send a header now and then, for ever."""
    return lambda: _drip(b"HTTP/1.1 200 OK\r\n", (b"X-%d: y\r\n" % n for n in count()), every)


def drip_body(every: float = 0.02) -> Behaviour:
    """Send a byte of a long body now and then."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    return lambda: _drip(head, repeat(b"x"), every)


def _drip(first: bytes, rest: Iterable[bytes], every: float) -> Iterator[Step]:
    yield first
    for piece in rest:
        yield Pause(every)
        yield piece


def flood(status: int = 200, *, chunked: bool = False) -> Behaviour:
    """Send a body without end, as fast as it is taken."""
    head = b"HTTP/1.1 %d Flood\r\n" % status
    piece = b"x" * 65536
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n"
        piece = b"10000\r\n%b\r\n" % piece
    return lambda: _after(head + b"\r\n", repeat(piece))


def endless_headers() -> Behaviour:
    """Send headers without end, as fast as they are taken."""
    return lambda: _after(b"HTTP/1.1 200 OK\r\n", repeat(b"X-Filler: %b\r\n" % (b"y" * 1000)))


def endless_header_line() -> Behaviour:
    """Send one header line without end."""
    return lambda: _after(b"HTTP/1.1 200 OK\r\nX-Long: ", repeat(b"y" * 65536))


def interim_flood() -> Behaviour:
    """Send interim answers without end."""
    return lambda: _after(b"", repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100))


def _after(first: bytes, rest: Iterable[bytes]) -> Iterator[Step]:
    yield first
    yield from rest


def reset_mid_body() -> Behaviour:
    """Reset the connection in the middle of a body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    return lambda: (head, Pause(0.01), End.RESET)


def short_body() -> Behaviour:
    """Close the connection in the middle of a body."""
    return lambda: (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", End.CLOSE)


def bad_chunks() -> Behaviour:
    """Send a chunked body whose chunk sizes are not numbers."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return lambda: (head + b"5\r\nhello\r\nzz\r\nworld\r\n", End.HANG)


def not_http() -> Behaviour:
    """Answer something that is not HTTP."""
    return lambda: (b"SSH-2.0-OpenSSH_9.9\r\n", End.CLOSE)


def odd_header_bytes(status: int = 200) -> Behaviour:
    """Send bytes outside ASCII in header names, values and the reason."""
    head = b"HTTP/1.1 %d \xffOK\xe2\x82\xac\r\nX-Caf\xe9: \xf0\x9f\x98\x80\xff\xfe\r\n" % status
    return lambda: (head + b"Retry-After: 7\r\nContent-Length: 2\r\n\r\nok",)
