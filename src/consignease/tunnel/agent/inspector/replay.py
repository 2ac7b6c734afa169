"""Sending a kept request to the application once more, as it was or changed."""

import base64
import binascii

import msgspec

from consignease.tunnel.agent.exchange import Exchange, Home
from consignease.tunnel.agent.records import Record
from consignease.tunnel.frames import Fields, Request
from consignease.tunnel.link import Party


class ReplayError(ValueError):
    """It cannot be sent again; the text says why."""


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """What to change; what is left out stays.

    Attributes:
        method: In upper case.
        target: Path and query.
        fields: Header fields, all of them.
        text: The body as text.
        base64: The body in base64.
    """

    method: str | None = None
    target: str | None = None
    fields: list[tuple[str, str]] | None = None
    text: str | None = None
    base64: str | None = None


class _Nowhere:
    """Where the answer of a replay goes: it is in the record, and nobody else waits."""

    party: Party
    number = 0
    closed = False

    def put(self, data: bytes = b"", *, first: bytes = b"", end: bool = False) -> bool:
        """Let it go."""
        del data, first, end
        return True

    def consumed(self, size: int) -> None:
        """Nobody waits."""

    def reset(self, words: str = "") -> None:
        """Nobody is told."""
        del words
        self.closed = True


def replay(home: Home, record: Record, edit: Edit) -> int:
    """Send a request to the application once more.

    Returns:
        The number of the new exchange.

    Raises:
        ReplayError: Its body was not kept whole, or it was another protocol.
    """
    before = record.request
    if before.upgrade:
        raise ReplayError("A connection that changed its protocol cannot be repeated.")
    data = _body(record, edit)
    fields = before.fields if edit.fields is None else _encoded(edit.fields)
    framing = {b"content-length", b"transfer-encoding"}
    fields = [field for field in fields if field[0].lower() not in framing]
    has_body = before.body or bool(data)
    if has_body:
        fields.append((b"content-length", b"%d" % len(data)))
    request = Request(
        method=edit.method or before.method,
        target=before.target if edit.target is None else edit.target.encode("latin-1", "replace"),
        fields=fields,
        host=before.host,
        scheme=before.scheme,
        peer=before.peer,
        body=has_body,
    )
    exchange = Exchange(home, _Nowhere(), request, replay_of=record.number)
    exchange.begin()
    if data:
        exchange.on_data(data)
    exchange.on_end()
    exchange.on_settled()
    return exchange.number


def _body(record: Record, edit: Edit) -> bytes:
    if edit.text is not None:
        return edit.text.encode()
    if edit.base64 is not None:
        try:
            return base64.b64decode(edit.base64, validate=True)
        except binascii.Error:
            raise ReplayError("The body is no base64.") from None
    if not record.sent.whole:
        raise ReplayError("The body was too large to be kept whole.")
    return record.sent.data


def _encoded(fields: list[tuple[str, str]]) -> Fields:
    return [(n.encode("latin-1", "replace"), v.encode("latin-1", "replace")) for n, v in fields]
