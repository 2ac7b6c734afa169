"""Operations: what an API consists of, as a table.

An `Op` says which method and path it answers, what it takes and returns, and
who handles it. `consignease.api.dispatch` makes an ASGI application of a table
and `consignease.api.openapi` its description.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

import msgspec

from consignease.domain.access import Caller, Need
from consignease.domain.faults import Fault
from consignease.domain.instances import Instance
from consignease.edge.vault import Vault
from consignease.store.tail import Tail

P = ParamSpec("P")
T = TypeVar("T")
Q = TypeVar("Q")
B = TypeVar("B")

Headers: TypeAlias = Mapping[bytes, bytes]
"""A request's headers, names in lower case."""
HeaderList: TypeAlias = list[tuple[bytes, bytes]]

BODY_LIMIT = 1024 * 1024
"""Largest request body, in bytes."""


class Units(Protocol):
    """Runs units of work: `consignease.store.engine.Store` does."""

    def write(
        self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Run a unit that writes, durably."""
        ...

    def join(self, fn: Callable[[Any, Sequence[Q]], Sequence[T | Fault]], item: Q) -> Awaitable[T]:
        """Do an item durably, together with all others that wait for the same function."""
        ...

    def read(
        self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Run a unit that only reads."""
        ...


class Log(Protocol):
    """The log as those see it who read it at their own pace: a store has one.

    Attributes:
        tail: Where to wait for more of it.
    """

    tail: Tail

    def horizon(self) -> Awaitable[int]:
        """Tell the cursor up to which the log is complete for good."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What handlers work with.

    Attributes:
        store: Runs units of work.
        authenticate: Finds out whom a key or token belongs to.
        hash_password: Makes a password's digest, off the event loop.
        verify_password: Tells whether a digest was made from a password.
        outdated: Tells whether a digest was made in another way than ours are now.
        vault: Seals and opens secrets at rest.
        now: The time in milliseconds since 1970.
        observe: Told of each answer: operation, status, seconds it took.
    """

    store: Units
    authenticate: Callable[[str], Awaitable[Caller | None]]
    hash_password: Callable[[str], Awaitable[str]]
    verify_password: Callable[[str, str], Awaitable[bool]]
    outdated: Callable[[str], bool]
    vault: Vault
    now: Callable[[], int]
    observe: Callable[[str, int, float], None] | None = None


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """One request, decoded.

    Attributes:
        services: What to work with.
        instance: The instance whose key came with the request.
        path: The path's parameters.
        query: The decoded query, of the operation's type.
        body: The decoded body, of the operation's type.
        headers: The request's headers.
        trace_id: Names this request in its answer and in the log.
        caller: Who sent it.
    """

    services: Services
    instance: Instance
    path: dict[str, str]
    query: Q
    body: B
    headers: Headers
    trace_id: str
    caller: Caller


class Upload(msgspec.Struct, frozen=True):
    """A decoded body of multipart/form-data (RFC 7578).

    Attributes:
        parts: Each part's bytes by its name; of a repeated name the last.
    """

    parts: dict[str, bytes]


class Reply(NamedTuple):
    """An answer that is more than 200 with a JSON body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


Answer: TypeAlias = bytes | Reply
"""What a handler returns: encoded JSON for the operation's own status, or a `Reply`."""
Handler: TypeAlias = Callable[[Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation.

    Attributes:
        method: In upper case.
        path: Such as ``/v1/users/{user_id}``.
        name: Unique; the OpenAPI operationId, and the name in metrics.
        summary: One sentence for the documentation.
        handler: Answers it.
        query: Struct that the query is decoded to, all members optional;
            members that are lists take a repeated key.
        body: Struct that the JSON body is decoded to; an empty body is ``{}``.
        upload: Name of the file that comes as multipart/form-data, instead of a
            JSON body; the body is then an `Upload`.
        upload_limit: Largest body of such a request, in bytes.
        returns: Type of the answer, for the documentation; None for no body.
        status: Status of a success.
        also: Statuses of other successes, with the same type.
        refuses: Statuses of refusals beyond those that every operation has.
        tag: The documentation's heading.
        waits: Whether it may wait for long: it is given up when the client hangs up.
        needs: Who may call it; nobody but the holder of a secret key, unless said otherwise.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    upload: str = ""
    upload_limit: int = 0
    returns: Any = None
    status: int = 200
    also: tuple[int, ...] = ()
    refuses: tuple[int, ...] = ()
    tag: str = ""
    waits: bool = False
    needs: Need = Need.ADMIN


class Dialect(Protocol):
    """How one API authenticates, refuses, and what it adds to every answer."""

    def authenticate(self, services: Services, headers: Headers) -> Awaitable[Caller]:
        """Find out who speaks, and to which instance.

        Raises:
            Unauthenticated: no valid key came with the request.
        """
        ...

    def refuse(self, fault: Fault, trace_id: str) -> tuple[int, bytes]:
        """Put a fault into this API's shape: status and body."""
        ...

    def missing(self, path: str) -> str:
        """Say why there is nothing at a path."""
        ...

    def headers(self, request: Headers, trace_id: str) -> HeaderList:
        """Return the headers that every answer carries."""
        ...


def bearer(headers: Headers) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header (RFC 6750, 2.1)."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    return token.strip().decode("latin-1") or None
