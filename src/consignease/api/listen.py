"""The API that `consignease listen` speaks: sessions, long polls, results."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from consignease.api.ops import Call, Op, Reply
from consignease.app import listeners as app
from consignease.domain import endpoints as rules
from consignease.domain.endpoints import Endpoint
from consignease.domain.faults import Invalid, NotFound
from consignease.tunnel.protocol import (
    LONGEST_WAIT,
    TIMEOUT_MS,
    Events,
    Open,
    Opened,
    Result,
    Results,
)
from consignease.wire.events import EVENT_TYPES
from consignease.wire.ids import new_id
from consignease.wire.signing import generate_secret

_TYPES = frozenset(EVENT_TYPES)
_MAX_TIMEOUT_MS = 10 * 60_000
_UID = "listen."


class Hub(Protocol):
    """Holds the sessions: `consignease.work.listeners.Listeners` does."""

    def open(self, instance: int, endpoint: int, owner: str, timeout_ms: int) -> tuple[str, str]:
        """Begin a session; return its id and whom it replaces."""
        ...

    def find(self, name: str, instance: int) -> Any:
        """Return a session, or None."""
        ...

    async def poll(self, session: Any, wait: float, limit: int) -> Events:
        """Wait for events."""
        ...

    def finish(self, session: Any, results: Sequence[Result]) -> None:
        """Take results."""
        ...

    def close(self, session: Any) -> None:
        """End a session."""
        ...


class PollQuery(msgspec.Struct, kw_only=True, frozen=True):
    """How long to wait, and for how much."""

    wait: Annotated[float, Meta(ge=0)] = LONGEST_WAIT
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class _Listen:
    """The handlers, with the sessions."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def open(self, call: Call[None, Open]) -> Reply:
        """Begin to listen."""
        services, instance, body = call.services, call.instance, call.body
        _check(body)
        now = services.now()
        wanted = Endpoint(
            id=new_id("ep"),
            uid=_UID + rules.check_name(body.name, "name"),
            url=f"listen:{body.name}",
            description="A machine that listens: consignease listen",
            event_types=rules.check_event_types(body.types, _TYPES),
            ordering="strict" if body.ordered else "none",
            created_at=now,
            updated_at=now,
        )
        sealed = services.vault.seal(generate_secret().encode(), wanted.id)
        found = await services.store.write(app.open_listener, instance, wanted, sealed, now)
        after = body.after
        if body.since_ms is not None:
            after = await services.store.read(app.since, now - body.since_ms)
        while after is not None:
            after = await services.store.write(app.bring_back, instance, found, after, now)
        session, replaced = self._hub.open(instance.no, found.no, body.owner, body.timeout_ms)
        waiting = await services.store.write(app.begin, found.no, now)
        opened = Opened(
            session=session,
            endpoint=found.endpoint.id,
            secret=services.vault.open(found.sealed, found.endpoint.id).decode(),
            waiting=waiting,
            dropped=found.dropped,
            replaced=replaced,
        )
        return Reply(201, msgspec.json.encode(opened))

    async def poll(self, call: Call[PollQuery, None]) -> bytes:
        """Wait for events."""
        session = self._session(call)
        query = call.query
        return msgspec.json.encode(await self._hub.poll(session, query.wait, query.limit))

    async def finish(self, call: Call[None, Results]) -> Reply:
        """Take what the application answered."""
        self._hub.finish(self._session(call), call.body.results)
        return Reply(204)

    async def close(self, call: Call[None, None]) -> Reply:
        """End a session."""
        self._hub.close(self._session(call))
        return Reply(204)

    def _session(self, call: Call[Any, Any]) -> Any:
        session = self._hub.find(call.path["session"], call.instance.no)
        if session is None:
            msg = "There is no such session, or it has ended."
            raise NotFound(msg, code="session_ended")
        return session


def _check(body: Open) -> None:
    if body.since_ms is not None and body.after is not None:
        msg = "Give since_ms or after, not both."
        raise Invalid(msg, param="after")
    for name in ("since_ms", "after"):
        value: int | None = getattr(body, name)
        if value is not None and not 0 <= value < 2**53:
            msg = "It is not negative."
            raise Invalid(msg, param=name)
    if not 1 <= body.timeout_ms <= _MAX_TIMEOUT_MS:
        msg = f"It is between 1 and {_MAX_TIMEOUT_MS:,} milliseconds ({TIMEOUT_MS:,} is usual)."
        raise Invalid(msg, param="timeout_ms")
    if len(body.owner) > 200:
        msg = "It is at most 200 characters long."
        raise Invalid(msg, param="owner")


def listen_ops(hub: Hub) -> tuple[Op, ...]:
    """Return the operations.

    Args:
        hub: Holds the sessions.
    """
    handle = _Listen(hub)
    one = "/v1/listen/{session}"
    op = partial(Op, tag="Listen")
    return (
        op(
            method="POST",
            path="/v1/listen",
            name="OpenListener",
            summary="Begin to listen.",
            handler=handle.open,
            body=Open,
            returns=Opened,
            status=201,
            refuses=(422,),
        ),
        op(
            method="GET",
            path=f"{one}/events",
            name="PollListener",
            summary="Wait for events.",
            handler=handle.poll,
            query=PollQuery,
            returns=Events,
            refuses=(404,),
        ),
        op(
            method="POST",
            path=f"{one}/results",
            name="ReportListener",
            summary="Report what the application answered.",
            handler=handle.finish,
            body=Results,
            status=204,
            refuses=(404,),
        ),
        op(
            method="DELETE",
            path=one,
            name="CloseListener",
            summary="End a session.",
            handler=handle.close,
            status=204,
            refuses=(404,),
        ),
    )
