"""Plain HTTP without libcurl: it says of every receiver what libcurl says of it."""

import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.edge.answer import Answer, BadAnswerError
from consignease.edge.outcome import BODY_LIMIT, Outcome
from tests.helpers import behaviours
from tests.helpers.behaviours import Behaviour, End
from tests.helpers.receiver import Receiver
from tests.helpers.sending import Outbox, request


def raw(data: bytes, end: End = End.CLOSE) -> Behaviour:
    return lambda: (data, end)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS: dict[str, Behaviour] = {
    "well": behaviours.answer(),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n", End.KEEP),
    "content all the same": behaviours.answer(204),
    "not modified": raw(b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\nETag: x\r\n\r\n", End.KEEP),
    "a redirect": behaviours.answer(302, [("Location", "http://169.254.169.254/")]),
    "retry after": behaviours.retry_after("7"),
    "close after": behaviours.close_after(500),
    "hang": behaviours.hang(),
    "unanswered": behaviours.close_unanswered(),
    "reset": behaviours.reset(),
    "drip headers": behaviours.drip_headers(),
    "drip body": behaviours.drip_body(),
    "flood": behaviours.flood(),
    "flood in chunks": behaviours.flood(500, chunked=True),
    "endless headers": behaviours.endless_headers(),
    "endless header line": behaviours.endless_header_line(),
    "interim flood": behaviours.interim_flood(),
    "reset mid body": behaviours.reset_mid_body(),
    "short body": behaviours.short_body(),
    "bad chunks": behaviours.bad_chunks(),
    "not HTTP": behaviours.not_http(),
    "odd header bytes": behaviours.odd_header_bytes(),
    "interim": raw(b"HTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\n" + OK, End.KEEP),
    "two interim": raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" + OK, End.KEEP),
    "chunks": raw(CHUNKED + b"2\r\nok\r\n3\r\n...\r\n0\r\n\r\n", End.KEEP),
    "chunk extensions": raw(CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n", End.KEEP),
    "trailers": raw(CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n", End.KEEP),
    "chunks without an end": raw(CHUNKED + b"2\r\nok\r\n"),
    "until closed": raw(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it"),
    "until closed, 1.0": raw(b"HTTP/1.0 500 Oops\r\n\r\nall of it"),
    "kept by 1.0": raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", End.KEEP),
    "no reason": raw(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", End.KEEP),
    "no body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", End.KEEP),
    "a head cut off": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a status": raw(b"HTTP/1.1 2"),
    "more than was said": raw(OK + b"surplus", End.KEEP),
    "two answers": raw(OK + OK, End.KEEP),
    "lines end in LF": raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", End.KEEP),
    "a body at the limit": raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT + b"x" * BODY_LIMIT, End.KEEP
    ),
}

ENDLESS = {"drip headers", "drip body", "flood in chunks", "endless headers", "interim flood"}
"""How much has come of them when reading stops is a matter of chance."""

CUT = {"a head cut off": 200, "half a status": 0}
"""libcurl takes the first for a whole answer, and the second for none."""


@pytest.fixture(scope="module")
def plain() -> Iterator[Outbox]:
    with Outbox() as one:
        yield one


@pytest.fixture(scope="module")
def curl() -> Iterator[Outbox]:
    with Outbox(curl=True) as one:
        yield one


def ask(outbox: Outbox, name: str) -> Outcome:
    with Receiver() as receiver:
        receiver.then(ANSWERS[name])
        waits = 1_000 if name in {"hang", *ENDLESS} else 15_000
        return outbox.one(request(receiver.url, timeout_ms=waits))


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - CUT.keys()))
def test_it_says_what_libcurl_says(plain: Outbox, curl: Outbox, name: str) -> None:
    """Status, phase, body and headers of the same answer are the same."""
    ours, theirs = (ask(one, name) for one in (plain, curl))
    print(f"{ours.phase}: {ours.error} | {theirs.phase}: {theirs.error}")
    assert (ours.status, ours.phase) == (theirs.status, theirs.phase)
    if name not in ENDLESS:
        assert (ours.headers, ours.body) == (theirs.headers, theirs.body)


@pytest.mark.parametrize("name", CUT)
def test_a_head_that_is_cut_off_is_no_answer(plain: Outbox, name: str) -> None:
    """Whatever its status would have been, the delivery has failed."""
    found = ask(plain, name)
    assert (found.status, found.phase) == (CUT[name], "read")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("well", True),
        ("no content", True),
        ("content all the same", False),
        ("not modified", True),
        ("chunks", True),
        ("trailers", True),
        ("two interim", True),
        ("kept by 1.0", False),
        ("more than was said", False),
        ("two answers", False),
        ("a body at the limit", True),
        ("until closed", False),
        ("close after", False),
    ],
)
def test_what_is_whole_leaves_its_connection_for_the_next(
    plain: Outbox, name: str, kept: bool
) -> None:
    """And only that: bytes that nobody asked for are never taken for an answer."""
    with Receiver() as receiver:
        receiver.then(ANSWERS[name], raw(OK, End.KEEP))
        first, second = (plain.one(request(receiver.url)) for _ in range(2))
        assert first.phase is None
        assert (second.status, second.body, second.reused) == (200, b"ok", kept)
        assert len(receiver.wait_for(2)) == 2


def test_a_large_body_is_sent_whole_and_an_early_answer_ends_it(plain: Outbox) -> None:
    """More than a socket takes at once; a receiver that refuses it half way has answered."""
    body = bytes(range(256)) * 12_000
    with Receiver() as receiver:
        assert plain.one(request(receiver.url, body=body, timeout_ms=20_000)).status == 200
        assert receiver.wait_for(1)[0].body == body
    with socket.create_server(("127.0.0.1", 0)) as early:
        url = f"http://127.0.0.1:{early.getsockname()[1]}/"
        before = len(plain.outcomes)
        plain.submit([request(url, body=body, timeout_ms=20_000)])
        connection, _ = early.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
            found = plain.wait_for(before + 1)[-1]
    assert (found.status, found.phase) == (413, None)


def test_requests_are_written_as_given(plain: Outbox, curl: Outbox) -> None:
    """The same bytes of the same request, header lines of text or of bytes."""
    lines = ["Content-Type: application/json", "Accept: */*", "X-One: a", "x-one:  b"]
    with Receiver() as receiver:
        for outbox in (plain, curl):
            url = f"{receiver.url}/a%20b?c=d&e"
            outbox.one(request(url, headers=lines, body=b"{}"))
            outbox.one(request(url, headers=[line.encode() for line in lines], body=b""))
        seen = receiver.wait_for(4)
    assert [(one.path, one.headers, one.body) for one in seen[:2]] == [
        (one.path, one.headers, one.body) for one in seen[2:]
    ]
    assert [name for name, _ in seen[0].headers][:2] == ["Host", "User-Agent"]


def test_header_lines_that_cannot_be_sent_cost_that_request_alone(plain: Outbox) -> None:
    """Neither a line break nor a character outside ASCII reaches the receiver."""
    with Receiver() as receiver:
        for line in ("X: a\r\nY: b", "X: caf\xe9", "X: a\x00"):
            assert plain.one(request(receiver.url, headers=[line])).phase == "request"
        assert plain.one(request(receiver.url)).status == 200
        assert len(receiver.wait_for(1)) == 1


def test_where_nobody_listens_it_says_so(plain: Outbox) -> None:
    """With address, port and the system's reason; over IPv6 too."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for host, address in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):
            found = plain.one(request(f"http://{host}:{port}/", address=address))
            assert found.phase == "connect"
            assert found.error == f"no connection to {address} port {port}: connection refused"


def test_many_at_once_come_back_once_each_while_some_never_answer(plain: Outbox) -> None:
    """Two thousand over connections that are kept, reset or closed, beside ten that hang."""
    ends = [raw(OK, End.KEEP), behaviours.reset(), behaviours.close_after(), behaviours.hang()]
    with Receiver() as receiver:
        receiver.then(*ends[:3] * 200, *ends[3:] * 10)
        sent = [request(receiver.url, tag=number, timeout_ms=3000) for number in range(2000)]
        found = plain.send(*sent, timeout=60)
    assert sorted(one.tag for one in found) == list(range(2000))  # type: ignore[type-var]
    assert sum(one.phase == "deadline" for one in found) == 10
    assert sum(one.status == 200 for one in found) >= 1700


HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\n",
    CHUNKED,
]


@given(st.sampled_from(HEADS), st.binary(max_size=12), st.lists(st.integers(0, 90), max_size=4))
def test_an_answer_means_the_same_however_often_and_in_whatever_pieces_it_comes(
    head: bytes, rest: bytes, cuts: list[int]
) -> None:
    """What is remembered of a head changes nothing."""

    def read(pieces: list[bytes]) -> tuple[object, ...]:
        answer = Answer()
        try:
            whole = [answer.feed(piece) for piece in pieces if piece]
        except BadAnswerError as error:
            return (str(error),)
        return whole[-1], answer.status, bytes(answer.body), answer.head, answer.keep

    data = head + rest
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(places)]
    first, again = read([data]), read([data])
    assert first == again
    if len(first) == 1 or not first[0]:
        assert read(pieces) == first
    else:  # what comes after the end in a piece of its own is not looked at
        assert read(pieces)[1:3] == first[1:3]
