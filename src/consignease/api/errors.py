"""A fault becomes an answer: once for each dialect.

The first part are the faults of HTTP itself, which the rest of the house does
not know; the second part are the two dialects' error shapes.
"""

import re
from typing import Any

import msgspec

from consignease.domain.access import Need
from consignease.domain.faults import (
    Conflict,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    OutOfRange,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

# Faults of HTTP


class Malformed(Invalid):
    """The request's body or query cannot be read at all."""

    default_code = "request_body_invalid"


class Mismatch(Invalid):
    """A member of the body or query has the wrong type or is out of range.

    Attributes:
        loc: Where: ``body`` or ``query``, then names and indices such as ``[0]``.
    """

    default_code = "form_param_format_invalid"

    def __init__(self, message: str, *, code: str, param: str | None, loc: list[str]) -> None:
        super().__init__(message, code=code, param=param)
        self.loc = loc


class NoRoute(NotFound):
    """The path is none of ours."""


class WrongMethod(Fault):
    """The path is ours and the method is not.

    Attributes:
        allowed: The methods that are, as the Allow header lists them.
    """

    default_code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class NotAllowed(Forbidden):
    """The key or token is valid, and not for this operation."""

    def __init__(self, needs: Need) -> None:
        words: list[str] = []
        if needs.scope:
            words.append(f"an API key with the scope {needs.scope}")
        if needs.capabilities:
            words.append(f"a portal token with the capability {' or '.join(needs.capabilities)}")
        message = "This key or token may not do that."
        super().__init__(message, detail=f"{message} It takes {', or '.join(words)}.")


class Unexpected(Fault):
    """We have a fault of our own; the log has more under the same trace id."""

    default_code = "internal_error"


class NotOffered(Fault):
    """Clients know the operation, and we have not got it."""

    default_code = "not_implemented"


_AT = re.compile(r" - at `(?:key in )?\$?(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|(\[[^\]]*\])")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_TYPES = re.compile(r"`([^`]*)`")
_WORDS = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "an RFC 3339 time",
}


def mismatch(error: msgspec.ValidationError, source: str) -> Mismatch:
    """Say in a client's words what a decoder found.

    Args:
        error: What the decoder raised.
        source: ``body`` or ``query``.
    """
    text = str(error)
    found = _AT.search(text)
    reason = text[: found.start()] if found else text
    steps = [name or index for name, index in _STEP.findall(found[1])] if found else []
    missing = _MISSING.search(reason)
    if missing:
        steps.append(missing[1])
        return Mismatch(
            "is missing", code="form_param_nil", param=".".join(steps), loc=[source, *steps]
        )
    reason = _TYPES.sub(_in_json_words, reason)
    code = "form_param_format_invalid" if ", got " in reason else "form_param_value_invalid"
    return Mismatch(
        f"{steps[0]}: {reason}." if steps else f"The {source}: {reason}.",
        code=code,
        param=steps[0] if steps else None,
        loc=[source, *steps],
    )


def _in_json_words(found: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(word, word) for word in found[1].split(" | "))


# The Backend API


class ErrorItem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request."""

    code: str
    """Stable name for programs."""
    message: str
    long_message: str
    meta: dict[str, str] = {}
    """``param_name`` where one parameter is at fault."""


class Errors(msgspec.Struct, frozen=True):
    """The error answer of the Backend API."""

    errors: list[ErrorItem]
    clerk_trace_id: str
    meta: dict[str, str] = {}


def clerk_error(fault: Fault, trace_id: str) -> tuple[int, bytes]:
    """Put a fault into the Backend API's shape.

    Returns:
        The status and the body.
    """
    item = ErrorItem(
        code=fault.code,
        message=fault.message,
        long_message=fault.detail,
        meta={} if fault.param is None else {"param_name": fault.param},
    )
    return _clerk_status(fault), msgspec.json.encode(Errors([item], trace_id))


def _clerk_status(fault: Fault) -> int:
    # A taken identifier is a form error there, and only a body is ever too large for 413.
    if isinstance(fault, Conflict) and fault.code.startswith("form_"):
        return 422
    if isinstance(fault, TooLarge) and fault.code != TooLarge.default_code:
        return 422
    return _status(fault)


_STATUSES: tuple[tuple[type[Fault], int], ...] = (
    (Malformed, 400),
    (OutOfRange, 400),
    (Invalid, 422),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (WrongMethod, 405),
    (Gone, 410),
    (Conflict, 409),
    (TooLarge, 413),
    (NotOffered, 501),
    (Unavailable, 503),
)


def _status(fault: Fault) -> int:
    for kind, status in _STATUSES:
        if isinstance(fault, kind):
            return status
    return 500


# The Svix-compatible API


_SVIX_PLAIN = frozenset({"invalid_scheme", "limit_reached", "missing_payload"})
"""Codes of faults of content that are a plain 400 there."""

_IN_QUERY = frozenset({"iterator", "order"})
"""Parameters that come with the query wherever there are any."""

_SVIX_CODES: tuple[tuple[type[Fault], str], ...] = (
    (Unauthenticated, "authentication_failed"),
    (NotFound, "not_found"),
    (TooLarge, "payload_too_large"),
    (Unexpected, "server_error"),
    # With a space, as their server writes it.
    (NotAllowed, "insufficient access"),
)


UID_MISMATCH = "application_uid_mismatch"
"""Code of an application that is to be made under another uid than its path has."""


def svix_error(fault: Fault, trace_id: str) -> tuple[int, bytes]:
    """Put a fault into the shape that Svix clients read.

    What is wrong with a request's content is a 422 with a list; their Python
    client fails on anything else there. Their own server answers malformed
    JSON so, too.

    Returns:
        The status and the body.
    """
    del trace_id  # it is in the answer's headers
    if fault.code in _SVIX_PLAIN:
        return 400, msgspec.json.encode({"code": fault.code, "detail": fault.detail})
    if isinstance(fault, Invalid):
        kind = "value_error.jsondecode" if isinstance(fault, Malformed) else "value_error"
        if fault.code == UID_MISMATCH:
            kind = fault.code
        loc = fault.loc if isinstance(fault, Mismatch) else ["body"]
        if not isinstance(fault, Mismatch) and fault.param is not None:
            source = "query" if fault.param in _IN_QUERY else "body"
            loc = [source, *fault.param.replace(".[", "\0[").split("\0")]
        detail: Any = [{"loc": loc, "msg": fault.detail, "type": kind}]
        return 422, msgspec.json.encode({"detail": detail})
    code = next((code for kind, code in _SVIX_CODES if isinstance(fault, kind)), fault.code)
    return _status(fault), msgspec.json.encode({"code": code, "detail": fault.detail})
