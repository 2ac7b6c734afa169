"""What calls of the webhook API have in common."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from consignease.api.ops import Call, Reply
from consignease.app import applications
from consignease.app.idempotency import Once
from consignease.domain.faults import Invalid
from consignease.domain.instances import Instance

T = TypeVar("T")


async def owned(call: Call[Any, Any]) -> Instance:
    """Return the instance as the application that the path names sees it.

    The built-in application, which carries identity events, is also called by
    the instance's own id.

    Raises:
        NotFound: there is no such application.
    """
    name = call.path["app_id"]
    if name in {call.instance.app_id, call.instance.id}:
        return call.instance
    return await call.services.store.read(applications.resolve, call.instance, name)


def idempotent(call: Call[Any, Any], what: str, body: object) -> tuple[str | None, bytes]:
    """Return the request's idempotency key, if it has one, and what was asked.

    Keys of different callers are never the same one: what is answered again
    was answered to whoever asks.
    """
    key = call.headers.get(b"idempotency-key")
    if key is None:
        return None, b""
    if len(key) > 256:
        msg = "An idempotency key has at most 256 characters."
        raise Invalid(msg, param="idempotency-key")
    request = "/".join((what, *call.path.values())).encode() + msgspec.json.encode(body)
    mark = call.caller.mark
    return key.decode("latin-1") + (f"\n{mark}" if mark else ""), request


def replied(done: Once) -> Reply:
    """Answer what a request with an idempotency key came to, now or before."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if done.replayed:
        headers = ((b"idempotent-replayed", b"true"),)
    if done.altered:
        headers += ((b"idempotency-request-differs", b"true"),)
    return Reply(done.status, done.body, headers)


def shown_time(at: int) -> str:
    """Return a time of ours as clients read it (RFC 3339)."""
    second, rest = divmod(at, 1000)
    return f"{_shown_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=1024)
def _shown_second(second: int) -> str:
    """Return it without its end; what happens at the same time is asked for together."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def milliseconds(at: datetime | None) -> int | None:
    """Return a client's time in milliseconds."""
    return None if at is None else round(at.timestamp() * 1000)


def page_of(
    items: list[T], ids: list[str], limit: int, iterator: str | None = None
) -> dict[str, Any]:
    """Shape a page of which one more item was read than asked for.

    Args:
        items: What was read, in the order of the list.
        ids: Their names.
        limit: How many were asked for.
        iterator: Where the page begins; with a leading ``-`` it ends there, and the
            item too many is its first.
    """
    wanted = slice(-limit, None) if iterator and iterator.startswith("-") else slice(limit)
    shown = ids[wanted]
    return {
        "data": items[wanted],
        "done": len(items) <= limit,
        "iterator": shown[-1] if shown else None,
        "prevIterator": f"-{shown[0]}" if shown else None,
    }


def listed(
    items: list[T], ids: list[str], *, done: bool, reached: str | None, up: bool
) -> dict[str, Any]:
    """Shape a page that knows whether it is the last, and how far it got if it is short.

    Args:
        items: What is on it, newest first.
        ids: Their ids.
        done: Whether there is nothing beyond it, in the direction it was read.
        reached: The id of what it walked to; None if that is its last item.
        up: Whether it was read from its oldest on.
    """
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    if up:
        first = reached or first
    else:
        last = reached or last
    return {
        "data": items,
        "done": done,
        "iterator": last,
        "prevIterator": None if first is None else f"-{first}",
    }
