"""What the webhook API takes and returns of an endpoint."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.api.svix_calls import shown_time
from consignease.domain.endpoints import Endpoint
from consignease.domain.health import word

_DEFAULT_GRACE_SECONDS = 24 * 3600
_MAX_GRACE_SECONDS = 7 * 24 * 3600


Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class BasicAuth(Struct, kw_only=True):
    """A user name and a password, sent as Basic authentication."""

    username: str
    password: str = ""


class Treatment(Struct, kw_only=True, rename="camel"):
    """How an endpoint is treated: our own additions, which clients need not know.

    What is absent stays as it is, also where the rest is replaced as a whole.
    Certificates, the key and the password are only written, never shown.
    """

    retry_schedule: list[float] | None | UnsetType = UNSET
    timeout: float | None | UnsetType = UNSET
    max_concurrency: int | None | UnsetType = UNSET
    max_backlog_bytes: int | None | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    ca_certificate: str | None | UnsetType = UNSET
    client_certificate: str | None | UnsetType = UNSET
    client_key: str | None | UnsetType = UNSET
    basic_auth: BasicAuth | None | UnsetType = UNSET


class EndpointIn(Treatment, kw_only=True, rename="camel"):
    """Body of an endpoint's creation."""

    url: str
    description: str = ""
    uid: str | None = None
    version: Count = 1
    event_types: list[str] | None = None
    filter_types: list[str] | None = None
    channels: list[str] | None = None
    disabled: bool = False
    rate_limit: Count | None = None
    throttle_rate: Count | None = None
    secret: str | None = None
    metadata: dict[str, str] = {}
    headers: dict[str, str] = {}
    ordering: str = "bounded"
    v1a: bool = False


class EndpointPatch(Treatment, kw_only=True, rename="camel"):
    """Body of an endpoint's change: what is absent stays as it is.

    `backlog` says what becomes of what waits when it is enabled or resumed: it is
    delivered (``resume``) or canceled (``skip``).
    """

    url: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    uid: str | None | UnsetType = UNSET
    version: Count | UnsetType = UNSET
    event_types: list[str] | None | UnsetType = UNSET
    filter_types: list[str] | None | UnsetType = UNSET
    channels: list[str] | None | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    rate_limit: Count | None | UnsetType = UNSET
    throttle_rate: Count | None | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    ordering: str | UnsetType = UNSET
    v1a: bool | UnsetType = UNSET
    backlog: Literal["resume", "skip"] = "resume"


class EndpointOut(Struct, kw_only=True, rename="camel"):
    """An endpoint. `eventTypes` and `filterTypes` are one thing under both of its names."""

    id: str
    uid: str | None
    url: str
    description: str
    version: int
    disabled: bool
    disabled_reason: str | None
    event_types: list[str] | None
    filter_types: list[str] | None
    channels: list[str] | None
    rate_limit: int | None
    throttle_rate: int | None
    ordering: str
    v1a: bool
    dropped_count: int
    retry_schedule: list[float] | None
    timeout: float | None
    max_concurrency: int | None
    max_backlog_bytes: int | None
    paused: bool
    state: str
    failing_since: str | None
    credentials: dict[str, Any] | None
    metadata: dict[str, str]
    created_at: str
    updated_at: str


class EndpointList(Struct, kw_only=True, rename="camel"):
    """A page of endpoints."""

    data: list[EndpointOut]
    done: bool
    iterator: str | None
    prev_iterator: str | None


class ListQuery(Struct, kw_only=True, frozen=True):
    """How to page."""

    limit: Annotated[int, Meta(ge=1, le=250)] = 50
    iterator: str | None = None
    order: str = "descending"


class SecretOut(Struct, rename="camel"):
    """A signing secret; the public key of an Ed25519 pair that is one, or that signs beside it."""

    key: str
    public_key: str | UnsetType = UNSET


class RotateIn(Struct, kw_only=True, rename="camel"):
    """Body of a rotation."""

    key: str | None = None
    grace_period_seconds: Annotated[int, Meta(ge=0, le=_MAX_GRACE_SECONDS)] = _DEFAULT_GRACE_SECONDS


def endpoint_out(endpoint: Endpoint, now: int = 2**62) -> EndpointOut:
    """Put an endpoint into the shape that clients read.

    Args:
        endpoint: The endpoint.
        now: The present, in milliseconds, to tell whether it is backing off.
    """
    failing = endpoint.first_failure_at
    return EndpointOut(
        id=endpoint.id,
        uid=endpoint.uid,
        url=endpoint.url,
        description=endpoint.description,
        version=endpoint.version,
        disabled=endpoint.disabled,
        disabled_reason=endpoint.disabled_reason,
        event_types=endpoint.event_types,
        filter_types=endpoint.event_types,
        channels=endpoint.channels,
        rate_limit=endpoint.rate_limit,
        throttle_rate=endpoint.rate_limit,
        ordering=endpoint.ordering,
        v1a=endpoint.v1a,
        dropped_count=endpoint.dropped,
        retry_schedule=endpoint.retry_schedule,
        timeout=endpoint.timeout,
        max_concurrency=endpoint.max_concurrency,
        max_backlog_bytes=endpoint.max_backlog_bytes,
        paused=endpoint.paused,
        state=word(
            disabled=endpoint.disabled,
            paused=endpoint.paused,
            paused_until=endpoint.paused_until,
            first_failure_at=failing,
            last_success_at=endpoint.last_success_at,
            now=now,
        ),
        failing_since=None if failing is None else shown_time(failing),
        credentials=endpoint.credentials,
        metadata=endpoint.metadata,
        created_at=shown_time(endpoint.created_at),
        updated_at=shown_time(endpoint.updated_at),
    )
