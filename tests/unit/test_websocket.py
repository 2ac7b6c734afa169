"""WebSocket frames: what RFC 6455 says, whatever way the bytes come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.tunnel import websocket
from consignease.tunnel.websocket import BINARY, CLOSE, PING, TEXT, Message, Reader, WebSocketError

MESSAGES = st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.binary(max_size=70_000)))


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [*parts, data]


@given(messages=MESSAGES, sizes=st.lists(st.integers(0, 5000), max_size=20), masked=st.booleans())
def test_what_is_written_is_read(
    messages: list[tuple[int, bytes]], sizes: list[int], masked: bool
) -> None:
    """Messages of any size come out as they went in, cut anywhere."""
    data = b"".join(websocket.frame(kind, body, masked=masked) for kind, body in messages)
    reader = Reader(masked=masked, limit=100_000)
    found = [message for part in split(data, sizes) for message in reader.feed(part)]
    assert found == [Message(kind, body) for kind, body in messages]


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_is_the_rfcs(data: bytes, key: bytes) -> None:
    """Byte i is combined with byte i modulo 4 of the key; twice is not at all."""
    expected = bytes(byte ^ key[i % 4] for i, byte in enumerate(data))
    assert websocket.mask(data, key) == expected
    assert websocket.mask(expected, key) == data


def test_the_examples_of_the_rfc() -> None:
    """Section 1.3's key and section 5.7's frames."""
    assert websocket.accept(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    hello = bytes.fromhex("818537fa213d7f9f4d5158")
    assert Reader(masked=True, limit=10).feed(hello) == [(TEXT, b"Hello")]
    parts = bytes.fromhex("010348656c") + bytes.fromhex("89026869") + bytes.fromhex("80026c6f")
    assert Reader(masked=False, limit=10).feed(parts) == [(PING, b"hi"), (TEXT, b"Hello")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("c10548656c6c6f", 1002),  # a reserved bit
        ("830548656c6c6f", 1002),  # an unknown opcode
        ("818537fa213d7f9f4d5158", 1002),  # masked by a server
        ("80026c6f", 1002),  # a continuation of nothing
        ("010348656c810348656c", 1002),  # a new message inside another
        ("09026869", 1002),  # a control frame in parts
        ("897e0080", 1002),  # a control frame that is too long
        ("827f0000000000010000", 1009),  # too large, said before it comes
        ("0103414141800c414141414141414141414141", 1009),  # too large in parts
    ],
)
def test_broken_frames_are_refused(data: str, code: int) -> None:
    """Each with the code that the RFC gives, as soon as it can be seen."""
    with pytest.raises(WebSocketError) as caught:
        Reader(masked=False, limit=12).feed(bytes.fromhex(data))
    assert caught.value.code == code


def test_unmasked_frames_of_clients_are_refused() -> None:
    """A server reads masked frames only."""
    with pytest.raises(WebSocketError):
        Reader(masked=True, limit=100).feed(bytes.fromhex("810548656c6c6f"))


def test_close_reasons() -> None:
    """A reason is cut at a character's border, and read back; none is 1005."""
    data = websocket.close_frame(1008, "é" * 100, masked=False)
    kind, payload = Reader(masked=False, limit=1).feed(data)[0]
    assert kind == CLOSE
    code, words = websocket.close_reason(payload)
    assert code == 1008
    assert words == "é" * 61
    assert websocket.close_reason(b"") == (1005, "")
