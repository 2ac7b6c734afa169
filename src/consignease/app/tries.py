"""Counting tries to sign in, before what was typed is looked at."""

from collections.abc import Sequence

from consignease.domain.tries import Key
from consignease.store import tries as store
from consignease.store.tx import Tx


def take(tx: Tx, keys: Sequence[Key], now: int) -> int:
    """Count one try under every key, or none.

    Returns:
        For how many milliseconds the try has to wait; 0 if it may go on.
    """
    held = [(key, store.hold(tx, key.name, now)) for key in _in_order(keys)]
    taken = [(key, *key.limit.taken(before, now)) for key, before in held]
    wait = max((wait for _, _, wait in taken), default=0)
    if not wait:
        for key, after, _ in taken:
            store.keep(tx, key.name, after, key.limit.ends(after))
    return wait


def forgive(tx: Tx, keys: Sequence[Key]) -> None:
    """Let the tries that led to a success not count.

    Of an address only the last one is given back: whoever has one account could
    else go on guessing at all the others.
    """
    for key in _in_order(keys):
        if key.name.startswith("address "):
            store.give_back(tx, key.name)
        else:
            store.forget(tx, key.name)


def touch(tx: Tx, keys: Sequence[Key]) -> None:
    """Write the counts again as they are: it takes as long as forgiving them."""
    for key in _in_order(keys):
        store.touch(tx, key.name)


def _in_order(keys: Sequence[Key]) -> list[Key]:
    """Return keys as all take them, so that no two hold what the other needs."""
    return sorted(keys, key=lambda key: key.name)


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some counts that say nothing any more; returns how many."""
    return store.drop_ended(tx, now)
