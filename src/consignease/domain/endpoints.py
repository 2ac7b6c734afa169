"""Endpoints: what may be asked of one."""

import re
from typing import Any

import msgspec

from consignease.domain.faults import Invalid

ORDERINGS = ("bounded", "strict", "none")
_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,256}")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = frozenset(
    [
        "age",
        "cache-control",
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "keep-alive",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "warning",
    ]
)
_FORBIDDEN_PREFIXES = (
    "consignease-",
    "svix-",
    "webhook-",
    "x-amz-",
    "x-amzn-",
    "x-azure-",
    "x-fd-",
    "x-gfe",
    "x-goog-",
    "x-google",
    "x-svix-",
)
SENSITIVE_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "x-api-key",
        "x-auth-token",
    }
)
"""Headers whose values are not shown again."""
_VALUE_LIMIT = 4096
_METADATA_LIMIT = 4096


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One place that events are delivered to.

    Attributes:
        event_types: Which events it wants; None for all.
        ordering: ``bounded``, ``strict`` or ``none``; see docs/states.md.
        rate_limit: Requests a second at most; None for no limit.
        retry_schedule: Seconds to wait after each failed try, none for no second
            try; None for what the server does elsewhere.
        timeout: Seconds that one try may take; None as before.
        max_concurrency: Requests in flight at most; None as before.
        max_backlog_bytes: Bytes of payloads that wait for it at most while it is sent
            nothing; 0 for any number; None as before.
        paused: Whether everything waits for it until it is resumed.
        disabled_reason: Why it was disabled, when we did it.
        v1a: Whether an Ed25519 pair signs in addition to the secret.
        dropped: How many deliveries were dropped because its backlog was too old, too long or too large.
        credentials: What may be shown of its certificates and its user name.
        sealed: The certificates, the key and the password, sealed; None for none.
        first_failure_at: The first failure since the last success, in milliseconds.
    """

    id: str
    url: str
    uid: str | None = None
    description: str = ""
    version: int = 1
    event_types: list[str] | None = None
    channels: list[str] | None = None
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    ordering: str = "bounded"
    rate_limit: int | None = None
    retry_schedule: list[float] | None = None
    timeout: float | None = None
    max_concurrency: int | None = None
    max_backlog_bytes: int | None = None
    paused: bool = False
    disabled: bool = False
    disabled_reason: str | None = None
    v1a: bool = False
    dropped: int = 0
    credentials: dict[str, Any] | None = None
    sealed: bytes | None = None
    paused_until: int | None = None
    first_failure_at: int | None = None
    last_success_at: int | None = None
    created_at: int
    updated_at: int


class EndpointPage(msgspec.Struct, frozen=True):
    """One page of endpoints, and whether it is the last one."""

    items: list[Endpoint]
    done: bool


def check_name(value: str, param: str, *, prefix: str = "") -> str:
    """Check a uid, a channel or an event type.

    Raises:
        Invalid: it holds other characters than letters, digits, ``-_.``, is too
            long, or could be mistaken for an id.
    """
    if not _NAME.fullmatch(value):
        msg = "It may hold letters, digits and - _ . only, 1 to 256 of them."
        raise Invalid(msg, param=param)
    if prefix and value.startswith(prefix):
        msg = f"It may not start with {prefix}, which marks our own identifiers."
        raise Invalid(msg, param=param)
    return value


def check_event_types(
    wanted: list[str] | None, known: frozenset[str], param: str = "filterTypes"
) -> list[str] | None:
    """Check and tidy an event filter; an empty one means every event.

    Raises:
        Invalid: a type does not exist.
    """
    if not wanted:
        return None
    for index, name in enumerate(wanted):
        if name not in known:
            msg = f"There is no event type {name!r}."
            raise Invalid(msg, param=f"{param}.[{index}]")
    return sorted(set(wanted))


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Check custom headers.

    Raises:
        Invalid: a name is reserved or malformed, or a value could split the request.
    """
    for name, value in headers.items():
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            msg = f"{name!r} is not a header name."
            raise Invalid(msg, param="headers")
        if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_PREFIXES):
            msg = f"The header {name} is set by the server and cannot be chosen."
            raise Invalid(msg, param="headers")
        if len(value) > _VALUE_LIMIT or not (value.isascii() and value.isprintable()):
            msg = f"The value of {name} holds characters that a header cannot, or is too long."
            raise Invalid(msg, param="headers")
    return headers


def check_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Check the metadata of an endpoint.

    Raises:
        Invalid: it is larger than 4,096 bytes.
    """
    if len(msgspec.json.encode(metadata)) > _METADATA_LIMIT:
        msg = f"Metadata of an endpoint is at most {_METADATA_LIMIT:,} bytes."
        raise Invalid(msg, param="metadata")
    return metadata


def check_description(description: str) -> str:
    """Check the description of an endpoint.

    Raises:
        Invalid: it holds control characters.
    """
    if any(char < "\t" for char in description):
        msg = "It holds control characters."
        raise Invalid(msg, param="description")
    return description


def check_ordering(ordering: str) -> str:
    """Check an ordering.

    Raises:
        Invalid: it is none of the three.
    """
    if ordering not in ORDERINGS:
        msg = f"Ordering is one of {', '.join(ORDERINGS)}."
        raise Invalid(msg, param="ordering")
    return ordering


RETRIES_MAX = 50
DELAY_MAX = 7 * 86_400
TIMEOUT_MAX = 60
CONCURRENCY_MAX = 1_000
BACKLOG_MAX = 2**53 - 1


def check_retry_schedule(schedule: list[float] | None) -> list[float] | None:
    """Check a retry schedule of an endpoint's own; an empty one means no second try.

    Raises:
        Invalid: it has more than 50 delays, or one that is not between 0 seconds and 7 days.
    """
    if schedule is None:
        return None
    if len(schedule) > RETRIES_MAX:
        msg = f"A retry schedule has at most {RETRIES_MAX} delays."
        raise Invalid(msg, param="retrySchedule")
    for index, delay in enumerate(schedule):
        if not 0 <= delay <= DELAY_MAX:
            msg = "A delay is between 0 and 604,800 seconds (7 days)."
            raise Invalid(msg, param=f"retrySchedule.[{index}]")
    return [float(delay) for delay in schedule]


def check_timeout(seconds: float | None) -> float | None:
    """Check how long one try may take.

    Raises:
        Invalid: it is not between 1 and 60 seconds.
    """
    if seconds is not None and not 1 <= seconds <= TIMEOUT_MAX:
        msg = f"A timeout is between 1 and {TIMEOUT_MAX} seconds."
        raise Invalid(msg, param="timeout")
    return None if seconds is None else round(float(seconds), 3)


def check_concurrency(most: int | None) -> int | None:
    """Check how many requests may be in flight.

    Raises:
        Invalid: it is not between 1 and 1,000.
    """
    if most is not None and not 1 <= most <= CONCURRENCY_MAX:
        msg = f"It is between 1 and {CONCURRENCY_MAX:,}."
        raise Invalid(msg, param="maxConcurrency")
    return most


def check_backlog_bytes(most: int | None) -> int | None:
    """Check how many bytes may wait.

    Raises:
        Invalid: it is negative, or more than a number in JSON can hold.
    """
    if most is not None and not 0 <= most <= BACKLOG_MAX:
        msg = f"It is between 0 (any number of bytes) and {BACKLOG_MAX:,}."
        raise Invalid(msg, param="maxBacklogBytes")
    return most
