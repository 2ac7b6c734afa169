"""The small parts of a tunnel: answers taken apart, heads written, header fields passed on."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.domain.faults import Invalid
from consignease.domain.tunnels import RESERVED, check_name
from consignease.tunnel.agent import hosts
from consignease.tunnel.agent.exchange import Exchange
from consignease.tunnel.agent.listen import Server
from consignease.tunnel.agent.records import Recorder
from consignease.tunnel.agent.response import BadResponseError, Head, Parser
from consignease.tunnel.agent.target import Target, TargetError, parse_target
from consignease.tunnel.agent.tunnel import Agent
from consignease.tunnel.frames import (
    CHUNK,
    LAST,
    MESSAGE_LIMIT,
    FrameError,
    Hello,
    Kind,
    Request,
    Welcome,
    pack,
    unpack,
)
from consignease.tunnel.link import Link, Stream
from consignease.tunnel.relay.headers import SANDBOX, FieldsError, of_request, of_response
from consignease.tunnel.websocket import BINARY, Reader

LOCAL = parse_target("3000", host_header="rewrite", judge=None)


def parse(data: bytes, sizes: list[int], method: str = "GET", *, close: bool = False) -> tuple:
    parser = Parser()
    parser.expect(method, upgrade=False)
    events = []
    for size in [*sizes, len(data)]:
        part, data = data[:size], data[size:]
        if part:
            events += parser.feed(part)
    if close:
        events += parser.close()
    body = b"".join(event for event in events if isinstance(event, bytes))
    heads = [event for event in events if isinstance(event, Head)]
    return heads[0].status, body, events.count(None), parser.keep


@given(
    body=st.binary(max_size=2000),
    chunks=st.lists(st.integers(1, 300), max_size=8),
    sizes=st.lists(st.integers(1, 200), max_size=30),
)
def test_answers_are_taken_apart_wherever_they_are_cut(
    body: bytes, chunks: list[int], sizes: list[int]
) -> None:
    """Length, chunks and end of the connection give the same body; interim answers are left out."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    length = early + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert parse(length, sizes) == (200, body, 1, True)
    rest, coded = body, b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in [*chunks, len(body)]:
        part, rest = rest[:size], rest[size:]
        if part:
            coded += b"%X;a=b\r\n%b\r\n" % (len(part), part)
    coded += b"0\r\nTrailer: x\r\n\r\n"
    assert parse(coded, sizes) == (201, body, 1, True)
    until_close = b"HTTP/1.0 200 OK\r\n\r\n" + body
    assert parse(until_close, sizes, close=True) == (200, body, 1, False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nName : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
    ],
)
def test_answers_that_could_be_read_in_two_ways_are_refused(data: bytes) -> None:
    """What is no clean HTTP/1.1 answer does not pass."""
    with pytest.raises(BadResponseError):
        parse(data, [])


def test_an_answer_that_is_cut_off_is_not_whole() -> None:
    """The end of the connection before the end of the body is an error."""
    with pytest.raises(BadResponseError):
        parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", [], close=True)


def test_head_requests_and_empty_statuses_have_no_body() -> None:
    """Whatever their Content-Length says."""
    assert parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", [], "HEAD") == (200, b"", 1, True)
    assert parse(b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", []) == (304, b"", 1, True)


def test_a_head_that_is_known_is_read_as_one_that_is_not() -> None:
    """The same head is followed by a body or not, by what was asked for."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Known: 1\r\n\r\n"
    for _ in range(2):
        assert parse(head + b"body", []) == (200, b"body", 1, True)
        assert parse(head, [], "HEAD") == (200, b"", 1, True)
        assert parse(head.replace(b": 4", b": 0"), []) == (200, b"", 1, True)
        with pytest.raises(BadResponseError):
            parse(head + b"bodies", [])


def request(
    *fields: tuple[bytes, bytes],
    target: bytes = b"/x?y",
    body: bool = False,
    host: str = "a.t.example",
    peer: str = "192.0.2.1",
) -> Request:
    return Request(
        method="POST",
        target=target,
        fields=list(fields),
        host=host,
        scheme="https",
        peer=peer,
        body=body,
    )


def test_the_application_sees_its_own_address() -> None:
    """Host, Origin and Referer name it; where the request came from stands beside them."""
    fields = [(b"origin", b"https://a.t.example"), (b"referer", b"https://a.t.example/p?q")]
    lines = LOCAL.head(request(*fields), "https://a.t.example", "").decode().split("\r\n")
    assert lines == [
        "POST /x?y HTTP/1.1",
        "Host: localhost:3000",
        "origin: http://localhost:3000",
        "referer: http://localhost:3000/p?q",
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Host: a.t.example",
        "X-Forwarded-Proto: https",
        'Forwarded: for=192.0.2.1;host="a.t.example";proto=https',
        "",
        "",
    ]
    foreign = request((b"origin", b"https://a.t.example.evil"))
    assert b"origin: https://a.t.example.evil\r\n" in LOCAL.head(foreign, "https://a.t.example", "")
    kept = parse_target("3000", host_header="preserve", judge=None)
    head = kept.head(request(*fields), "https://a.t.example", "")
    assert b"Host: a.t.example\r\norigin: https://a.t.example\r\n" in head


@pytest.mark.parametrize(
    "bad",
    [
        request((b"a", b"b\r\nHost: evil")),
        request((b"a b", b"c")),
        request((b"a", b"b\x00")),
        request(target=b"http://169.254.169.254/"),
        request(target=b"/ HTTP/1.1\r\nHost: evil"),
        request(target=b"*"),
        request(host="a\r\nEvil: 1"),
        request(peer="1\r\n\r\nGET / HTTP/1.1"),
    ],
)
def test_a_server_cannot_make_the_agent_write_anything_else(bad: Request) -> None:
    """The agent judges what it is told, too: one request, to one place."""
    with pytest.raises(TargetError):
        LOCAL.head(bad, "https://a.t.example", "")


def test_locations_lead_back_through_the_tunnel() -> None:
    """The application's own origin becomes the public URL; others stay."""

    def public(value: bytes, prefix: str) -> bytes:
        url = f"https://t.example{prefix}"
        return LOCAL.public([(b"Location", value)], url, prefix)[0][1]

    assert public(b"http://localhost:3000/a?b", "/t/n") == b"https://t.example/t/n/a?b"
    assert public(b"/a", "/t/n") == b"/t/n/a"
    assert public(b"/a", "") == b"/a"
    assert public(b"//other.example/a", "/t/n") == b"//other.example/a"
    assert public(b"http://localhost:30001/a", "/t/n") == b"http://localhost:30001/a"


@pytest.mark.parametrize(
    "text",
    ["0", "99999", "http://h/path", "http://u@h", "ftp://h", "http://", "h:x", "a b", "http://h?q"],
)
def test_targets_that_are_none(text: str) -> None:
    """A tunnel leads to a host and a port."""
    with pytest.raises(TargetError):
        parse_target(text, host_header="rewrite", judge=None)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("3000", "http://localhost:3000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:80/", "http://[::1]:80"),
        ("https://app.test", "https://app.test"),
    ],
)
def test_targets(text: str, origin: str) -> None:
    """A port, host and port, or a URL."""
    found: Target = parse_target(text, host_header="rewrite", judge=None)
    assert found.origin == origin


def test_request_fields_lose_what_belongs_to_the_connection() -> None:
    """Hop-by-hop fields and those named by Connection go; order and repetitions stay."""
    fields = [
        (b"host", b"x"),
        (b"a", b"1"),
        (b"connection", b"keep-alive, X-Hop"),
        (b"x-hop", b"1"),
        (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"),
        (b"a", b"2"),
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"forwarded", b"for=6.6.6.6"),
        (b"cookie", b"__Host-consignease=s; a=1; consignease_4010=t"),
        (b"a", b""),
    ]
    kept = of_request(fields, shared_host=True, upgrade=False)
    assert kept == [(b"a", b"1"), (b"a", b"2"), (b"cookie", b"a=1"), (b"a", b"")]
    own_host = of_request(fields, shared_host=False, upgrade=False)
    assert (b"cookie", b"__Host-consignease=s; a=1; consignease_4010=t") in own_host


def test_answers_lose_what_would_bind_the_whole_host() -> None:
    """HSTS and the like go, cookies stay below the tunnel, pages are shut into a sandbox."""
    fields = [
        (b"Set-Cookie", b"a=1; Path=/x; Domain=example.com; HttpOnly"),
        (b"Set-Cookie", b"__Host-consignease=evil; Path=/; Secure"),
        (b"Set-Cookie", b"b=2"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"Clear-Site-Data", b'"*"'),
        (b"Connection", b"X-Hop"),
        (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Trailer", b"x"),
    ]
    assert of_response(200, fields, prefix=b"/t/n") == [
        (b"set-cookie", b"a=1; HttpOnly; Path=/t/n/x"),
        (b"set-cookie", b"b=2; Path=/t/n/"),
        (b"x-robots-tag", b"noindex"),
        (b"content-security-policy", SANDBOX),
    ]
    own_host = of_response(200, fields[:1], prefix=b"")
    assert own_host == [(b"set-cookie", b"a=1; Path=/x; HttpOnly"), (b"x-robots-tag", b"noindex")]


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (101, []),
        (99, []),
        (600, []),
        (200, [(b"a\nb", b"c")]),
        (200, [(b"a", b"b\r\nSet-Cookie: x")]),
        (200, [(b"", b"c")]),
        (200, [(b"a", b"x" * 70_000)]),
        (200, [(b"a", b"b")] * 300),
    ],
)
def test_answers_that_cannot_be_passed_on(status: int, fields: list[tuple[bytes, bytes]]) -> None:
    """An agent cannot make the server write a header of its choice."""
    with pytest.raises(FieldsError):
        of_response(status, fields, prefix=b"")


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "-ab", "ab-", "Abc", "a.b", "xn--abc", "a_b", "é1a"]
)
def test_names_that_are_none(name: str) -> None:
    """A name is a label of a host name."""
    with pytest.raises(Invalid):
        check_name(name)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_nobodys(name: str) -> None:
    """Names that look like the server's own."""
    with pytest.raises(Invalid):
        check_name(name)


def test_frames_that_are_cut_off() -> None:
    """A message ends where a frame ends."""
    data = pack(Kind.DATA, 7, b"abc")
    assert list(unpack(data + data)) == [(Kind.DATA, 7, b"abc")] * 2
    for bad in (data[:-1], data[:5], data + b"x"):
        with pytest.raises(FrameError):
            list(unpack(bad))


def test_a_framework_that_refuses_the_host_is_recognised() -> None:
    """Its own words give the line that it wants."""
    vite = b'Blocked request. This host ("a.t.example") is not allowed.'
    assert hosts.refused_by(403, vite) == "Vite"
    assert hosts.refused_by(400, b"<title>DisallowedHost at /</title>") == "Django"
    assert hosts.refused_by(200, vite) is None
    assert hosts.lines("a.t.example:8000")["Vite"].startswith('server: { allowedHosts: ["a.t.exa')


class _Party:
    """Notes why its stream ended."""

    words = ""

    def on_reset(self, words: str) -> None:
        self.words = words

    def on_end(self) -> None:
        """Nothing."""


def test_a_closed_stream_holds_nobody() -> None:
    """Its party learns why, and what was exchanged is freed at once, not by the collector."""
    gone: Any = _Party()
    answered: Any = _Party()
    link = Link(client=False)
    first, second = Stream(link, 1), Stream(link, 2)
    first.party, second.party = gone, answered
    first.fail("the connection was closed")
    second.handle(Kind.END, b"")
    second.put(end=True)
    assert gone.words == "the connection was closed"
    assert first.closed
    assert second.closed
    assert first.party is second.party is not gone


class _Socket:
    """Notes every write."""

    def __init__(self) -> None:
        self.written: list[list[tuple[int, int, bytes]] | None] = []

    def write(self, data: bytes) -> None:
        (message,) = Reader(masked=False, limit=MESSAGE_LIMIT).feed(data)
        self.written.append(unpack(message.data) if message.opcode == BINARY else None)

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing."""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing."""


def test_what_several_exchanges_send_in_one_turn_goes_in_one_message() -> None:
    """In its order; one alone sends at once, much of it goes early, and nothing is left at an end."""

    async def main() -> None:
        socket: Any = _Socket()
        link = Link(client=False)
        link.begin(socket)
        first = Stream(link, 1)
        first.put(b"alone")
        assert socket.written.pop() == [(Kind.DATA, 1, b"alone")]
        second = Stream(link, 2)
        first.put(b"a")
        second.put(b"b")
        first.put(b"c", end=True)
        assert not socket.written
        await asyncio.sleep(0)
        given = [
            (Kind.DATA, 1, b"a"),
            (Kind.DATA, 2, b"b"),
            (Kind.DATA | LAST, 1, b"c"),
        ]
        assert socket.written == [given]
        socket.written.clear()
        second.put(b"x" * CHUNK)
        assert [len(frames) for frames in socket.written] == [1]
        second.put(b"last")
        link.end("enough")
        await asyncio.sleep(0)
        assert socket.written[1:] == [[(Kind.DATA, 2, b"last")], None]

    asyncio.run(main())


def test_an_answer_known_to_the_agent_leads_to_where_the_tunnel_is_now() -> None:
    """The same head goes out as it did before, until the tunnel has another address."""
    head = b"HTTP/1.1 302 Found\r\nLocation: http://localhost:3000/a\r\nContent-Length: 0\r\n\r\n"
    server, told = Server(locate=lambda: None, key=""), Mock()
    agent = Agent(server, LOCAL, Hello(), Recorder(told), told)

    def located() -> bytes:
        stream, connection = Mock(number=7), Mock(parser=Parser(), lost=True)
        connection.parser.expect("POST", upgrade=False)
        Exchange(agent, stream, request()).on_events(connection.parser.feed(head), connection)
        return stream.put.call_args.kwargs["first"]

    for url in (b"https://a.t.example", b"https://b.t.example"):
        agent.opened(Welcome(name="x", url=url.decode(), resume=""))
        assert url + b"/a" in located()
        assert located() == located()
        assert len(agent.answers) == 1
