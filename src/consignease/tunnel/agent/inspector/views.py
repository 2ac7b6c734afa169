"""What the inspector shows of an exchange, as plain values for JSON."""

import base64
import difflib
import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from consignease.tunnel.agent.records import Body, Record
from consignease.tunnel.frames import Fields
from consignease.wire.explain import explain, malformed_secret, missing_secret
from consignease.wire.headers import read_headers, read_timestamp
from consignease.wire.signing import SecretError, Signer, matches, parse_secret, signed_content

TOLERANCE = 300
"""Seconds that a signature's timestamp may lie off, as verifiers have it."""

_HIDDEN = frozenset({b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"})
_MASK = "•••"


class _Object(msgspec.Struct):
    id: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    data: _Object | None = None


def summary(record: Record) -> dict[str, Any]:
    """Return a line of the list."""
    event = _event(record)
    return {
        "number": record.number,
        "at": round(record.at * 1000),
        "method": record.request.method,
        "target": record.request.target.decode("latin-1"),
        "status": record.status,
        "ms": None if record.seconds is None else round(record.seconds * 1000, 1),
        "error": record.error,
        "type": event.type if event else "",
        "replay_of": record.replay_of,
    }


def detail(
    record: Record,
    others: list[Record],
    *,
    local: str,
    secrets: Mapping[str, str],
    reveal: bool,
) -> dict[str, Any]:
    """Return everything about one exchange.

    Args:
        record: The exchange.
        others: All that are kept, the newest first.
        local: The application's origin.
        secrets: Signing secrets by the names of their variables.
        reveal: Whether to show cookies and keys.
    """
    return {
        **summary(record),
        "host": record.request.host,
        "peer": record.request.peer,
        "request": {"fields": fields(record.request.fields, reveal=reveal), **body(record.sent)},
        "response": {"fields": fields(record.fields, reveal=reveal), **body(record.got)},
        "curl": curl(record, local, reveal=reveal),
        "signature": signature(record, secrets),
        "diff": diff(record, others),
    }


def fields(found: Fields, *, reveal: bool) -> list[tuple[str, str]]:
    """Return header fields as text; cookies and keys only where they are asked for."""
    return [
        (
            name.decode("latin-1"),
            _MASK if name.lower() in _HIDDEN and not reveal else value.decode("latin-1"),
        )
        for name, value in found
    ]


def body(found: Body) -> dict[str, Any]:
    """Return a body: as text where it is text, else in base64."""
    data = found.data
    shown: dict[str, Any] = {"size": found.size, "whole": found.whole}
    try:
        return {**shown, "text": data.decode()}
    except UnicodeDecodeError:
        return {**shown, "base64": base64.b64encode(data).decode()}


def curl(record: Record, local: str, *, reveal: bool) -> str:
    """Return the command that sends the same request to the application."""
    request = record.request
    parts = ["curl", "-i", "-X", request.method, local + request.target.decode("latin-1")]
    for name, value in fields(request.fields, reveal=reveal):
        if name not in {"content-length", "transfer-encoding"}:
            parts += ["-H", f"{name}: {value}" if value else f"{name};"]
    before = ""
    data = record.sent.data
    if record.sent.size:
        try:
            parts += ["--data-binary", data.decode()]
        except UnicodeDecodeError:
            before = f"echo {base64.b64encode(data).decode()} | base64 -d | "
            parts += ["--data-binary", "@-"]
    return before + " ".join(shlex.quote(part) for part in parts)


def signature(record: Record, secrets: Mapping[str, str]) -> dict[str, Any] | None:
    """Say whether a webhook's signature fits, with which secret, or why not.

    Args:
        record: The exchange.
        secrets: Signing secrets by the names of their variables.

    Returns:
        None for a request that is no webhook.
    """
    request = record.request
    headers = read_headers(request.fields)
    if not headers.id and not headers.signature:
        return None
    if not record.sent.whole:
        return {"ok": None, "message": "The body is too large to be kept whole.", "fix": ""}
    keys: list[bytes] = []
    if not secrets:
        missing = missing_secret({})
        return {"ok": None, "message": missing.message, "fix": missing.fix}
    stamp = read_timestamp(headers.timestamp)
    now = round(record.at)
    for name, secret in secrets.items():
        try:
            keys.append(parse_secret(secret))
        except SecretError as error:
            wrong = malformed_secret(error)
            return {"ok": False, "message": f"{name}: {wrong.message}", "fix": wrong.fix}
        content = signed_content(headers.id, stamp or 0, record.sent.data)
        well = stamp is not None and matches([Signer(keys[-1])], content, headers.signature)
        if well and stamp is not None and abs(now - stamp) <= TOLERANCE:
            words = f"It fits the secret in {name}; the timestamp was {now - stamp} s old."
            return {"ok": True, "message": words, "fix": ""}
    found = explain(
        record.sent.data, headers, keys, tolerance=TOLERANCE, now=now, environ=dict(secrets)
    )
    return {"ok": False, "reason": found.reason, "message": found.message, "fix": found.fix}


def diff(record: Record, others: list[Record]) -> dict[str, Any] | None:
    """Compare an event with the one before about the same object.

    Args:
        record: The exchange.
        others: All that are kept, the newest first.

    Returns:
        None where there is none to compare with.
    """
    event = _event(record)
    if event is None or event.data is None or not event.data.id:
        return None
    for other in others:
        if other.number >= record.number or other.sent.data == record.sent.data:
            continue
        before = _event(other)
        if before is not None and before.data is not None and before.data.id == event.data.id:
            lines = difflib.unified_diff(
                _pretty(other), _pretty(record), before.type, event.type, lineterm="", n=1
            )
            return {"number": other.number, "lines": list(lines)}
    return None


def har(records: list[Record], public: str, *, reveal: bool) -> dict[str, Any]:
    """Return all exchanges as an HTTP archive (HAR 1.2), the oldest first."""
    entries = [_entry(one, public, reveal=reveal) for one in reversed(records) if one.seconds]
    creator = {"name": "consignease", "version": "1"}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries}}


def _entry(record: Record, public: str, *, reveal: bool) -> dict[str, Any]:
    took = round((record.seconds or 0) * 1000, 3)
    request, sent, got = record.request, body(record.sent), body(record.got)

    def named(found: Fields) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in fields(found, reveal=reveal)]

    content: dict[str, Any] = {"size": record.got.size, "mimeType": _kind(record.fields)}
    content["text"] = got.get("text", got.get("base64", ""))
    if "base64" in got:
        content["encoding"] = "base64"
    entry: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(record.at, UTC).isoformat(),
        "time": took,
        "request": {
            "method": request.method,
            "url": public + request.target.decode("latin-1"),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": named(request.fields),
            "queryString": [],
            "headersSize": -1,
            "bodySize": record.sent.size,
        },
        "response": {
            "status": record.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": named(record.fields),
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": record.got.size,
        },
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
    }
    if record.sent.size:
        text = sent.get("text", sent.get("base64", ""))
        entry["request"]["postData"] = {"mimeType": _kind(request.fields), "text": text}
    return entry


def _kind(found: Fields) -> str:
    return next((v.decode("latin-1") for n, v in found if n.lower() == b"content-type"), "")


def _event(record: Record) -> _Event | None:
    try:
        return msgspec.json.decode(record.sent.data, type=_Event)
    except msgspec.DecodeError:
        return None


def _pretty(record: Record) -> list[str]:
    document = json.loads(record.sent.data)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
