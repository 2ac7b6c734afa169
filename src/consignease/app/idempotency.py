"""Doing something once, however often it is asked for with the same key."""

from collections.abc import Callable
from hashlib import sha256

import msgspec

from consignease.store import idempotency
from consignease.store.idempotency import Kept
from consignease.store.tx import Tx

AUTOMATIC_PREFIX = "auto_"
"""Keys that client libraries make up by themselves for each call begin so."""

_AUTOMATIC_MS = 10 * 60_000
_CHOSEN_MS = 12 * 3_600_000


class Once(msgspec.Struct, frozen=True):
    """An answer, and whether it is the first request's.

    Attributes:
        replayed: Whether it was given before.
        altered: Whether that request was not the same as this one.
    """

    status: int
    body: bytes
    replayed: bool = False
    altered: bool = False


def lifetime(key: str) -> int:
    """Return for how many milliseconds the answer under a key is kept."""
    return _AUTOMATIC_MS if key.startswith(AUTOMATIC_PREFIX) else _CHOSEN_MS


def again(kept: Kept, request: bytes) -> Once:
    """Return a kept answer to a request with that digest."""
    return Once(kept.status, kept.response, replayed=True, altered=kept.request != request)


def once(
    tx: Tx,
    instance: int,
    key: str | None,
    request: bytes,
    now: int,
    effect: Callable[[Tx], tuple[int, bytes]],
) -> Once:
    """Run `effect` unless a request with this key was answered already.

    The kept answer commits with the effect, so neither is ever there alone.

    Args:
        tx: The transaction.
        instance: Whose key it is.
        key: The idempotency key; None runs the effect in any case.
        request: What tells two requests apart: method, path and body.
        now: The time in milliseconds.
        effect: Does it and returns the answer's status and body.
    """
    if key is None:
        return Once(*effect(tx))
    digest = sha256(request).digest()
    kept = idempotency.find(tx, [(instance, key)], now).get((instance, key))
    if kept is not None:
        return again(kept, digest)
    answer = Once(*effect(tx))
    ends = now + lifetime(key)
    idempotency.keep(tx, [Kept(instance, key, digest, answer.status, answer.body, ends)], now)
    return answer
