"""A request as it was sent, made again of what is kept of it."""

from typing import Any

import msgspec

from consignease.dashboard.endpoint_forms import MASK
from consignease.domain.endpoints import SENSITIVE_HEADERS
from consignease.edge import lines
from consignease.edge.curl import USER_AGENT
from consignease.edge.outcome import was_sent
from consignease.edge.target import BadUrlError, Target, check_url

_NOTHING = "Nothing was sent: it failed before."
_NOT_KEPT = "Not kept, so not shown: the signature, and traceparent, where traces are on."
_CHANGED = (
    "The endpoint was changed after this: its address and its own headers are as they are set now."
)
_STARTED = (
    "The server was started after this: should that have been an upgrade, lines that are the same"
    " for every endpoint are those of this release."
)
_LISTENED = "It went to consignease listen, which adds Host and User-Agent of its own."


class Sent(msgspec.Struct, frozen=True):
    """What an attempt has sent.

    Attributes:
        head: Request line and headers, secrets masked; empty if nothing was sent.
        notes: What is not there or not certain, in plain words.
    """

    head: str
    notes: list[str]


def as_sent(
    message: dict[str, Any], delivery: dict[str, Any], attempt: dict[str, Any], started_at: int
) -> Sent:
    """Make the head of an attempt's request again.

    Args:
        message: With its id, body and content type.
        delivery: With its endpoint's url, headers, credentials and when that was changed.
        attempt: The attempt.
        started_at: When the server was started, in milliseconds.
    """
    if not was_sent(attempt["phase"], attempt["error"]):
        return Sent("", [_NOTHING])
    second = attempt["at"] // 1000 + attempt["skew"]
    found = lines.of_try(
        lines.constant(_own(delivery)),
        message["content_type"],
        message["id"],
        second,
        MASK,
        attempt["n"],
    )
    target = _target(delivery["url"])
    notes = [_NOT_KEPT]
    if target is None:
        notes.append(_LISTENED)
    else:
        found = [*lines.first(target, USER_AGENT), *found, *_length(message["body"])]
    if delivery["changed_at"] > attempt["at"]:
        notes.append(_CHANGED)
    if started_at > attempt["at"]:
        notes.append(_STARTED)
    return Sent("\n".join(found), notes)


def _target(url: str) -> Target | None:
    try:
        return check_url(url)
    except BadUrlError:
        return None


def _own(delivery: dict[str, Any]) -> list[str]:
    headers = msgspec.json.decode(delivery["own_headers"], type=dict[str, str])
    known = msgspec.json.decode(delivery["credentials"] or "{}", type=dict[str, Any])
    own = [
        f"{name}: {MASK if name.lower() in SENSITIVE_HEADERS else value}"
        for name, value in headers.items()
    ]
    if "basicAuth" in known and not any(name.lower() == "authorization" for name in headers):
        own.append(f"Authorization: {MASK}")
    return own


def _length(body: bytes | None) -> list[str]:
    return [] if body is None else [f"Content-Length: {len(body)}"]
