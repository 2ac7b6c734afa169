"""Reading a webhook request that somebody saved."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import msgspec


class SavedRequest(NamedTuple):
    """The headers in their order, and the body."""

    headers: list[tuple[str, str]]
    body: bytes


class UnreadableRequestError(ValueError):
    """The file is neither an HTTP request nor JSON with headers and body."""


class _Document(msgspec.Struct):
    headers: dict[str, str] | list[tuple[str, str]]
    body: msgspec.Raw = msgspec.Raw(b'""')
    body_b64: str | None = None


def read_request(data: bytes) -> SavedRequest:
    """Read HTTP text, or JSON ``{"headers": {…} or [[name, value], …], "body": "…"}``.

    In JSON the body may also be ``body_b64``; a body that is no string is
    taken as it is written in the file.

    Raises:
        UnreadableRequestError: It is neither.
    """
    return _from_json(data) if data.lstrip()[:1] == b"{" else _from_http(data)


def _from_json(data: bytes) -> SavedRequest:
    try:
        document = msgspec.json.decode(data, type=_Document)
        body = _json_body(document)
    except ValueError as error:
        message = f"The file is no JSON with headers and body: {error}"
        raise UnreadableRequestError(message) from None
    headers = document.headers
    return SavedRequest(list(headers.items() if isinstance(headers, dict) else headers), body)


def _json_body(document: _Document) -> bytes:
    if document.body_b64 is not None:
        return base64.b64decode(document.body_b64, validate=True)
    written = bytes(document.body)
    value: Any = msgspec.json.decode(written)
    return value.encode() if isinstance(value, str) else written


def _from_http(data: bytes) -> SavedRequest:
    newline = b"\r\n" if b"\r\n\r\n" in data else b"\n"
    head, found, body = data.partition(newline * 2)
    lines = head.decode("latin-1").splitlines()
    if lines and ":" not in lines[0].partition(" ")[0]:
        del lines[0]  # the request line
    headers = [parse_header(line) for line in lines]
    if not found or not headers:
        message = "The file holds no headers, empty line and body."
        raise UnreadableRequestError(message)
    lengths = [int(v) for k, v in headers if k.lower() == "content-length" and v.isdecimal()]
    return SavedRequest(headers, body[: lengths[0]] if lengths else body)


def parse_header(line: str) -> tuple[str, str]:
    """Split ``name: value``.

    Raises:
        UnreadableRequestError: There is no colon.
    """
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        message = f"A header is written name: value, not {line[:40]!r}."
        raise UnreadableRequestError(message)
    return name.strip(), value.strip()
