"""Pollers: places where an application's messages are fetched instead of being sent.

A poller is an endpoint without a URL, a `destination` of the type ``pollingEndpoint`` to
Svix clients. Who fetches keeps an iterator, or is a *consumer*: the poller remembers the
iterator that it asked with last, which says that everything before it was dealt with.
"""

import re

import msgspec

from consignease.domain.faults import Invalid

CONSUMERS_MAX = 1_000
"""Most consumers that one poller remembers."""
_ITERATOR = re.compile(r"(?:(\d{1,9}))?c(\d{1,18})")


class Poller(msgspec.Struct, frozen=True, kw_only=True):
    """One poller.

    Attributes:
        event_types: Which events it has; None for all.
        channels: As an endpoint's; None for all messages.
        disabled: Whether nobody may fetch from it.
        start: The cursor after which it begins: the newest one when it was made.
    """

    id: str
    uid: str | None = None
    event_types: list[str] | None = None
    channels: list[str] | None = None
    metadata: dict[str, str] = {}
    disabled: bool = False
    start: int = 0
    created_at: int
    updated_at: int


class Place(msgspec.Struct, frozen=True):
    """Where a reader is: everything up to `cursor` is behind it.

    Attributes:
        generation: Of a consumer, how often it was put somewhere else; None if
            the reader keeps its place itself.
    """

    cursor: int
    generation: int | None = None


def iterator(place: Place) -> str:
    """Write a place as clients carry it; what it holds is no business of theirs."""
    return f"{'' if place.generation is None else place.generation}c{place.cursor}"


def place(text: str) -> Place:
    """Read back what `iterator` wrote.

    Raises:
        Invalid: it did not.
    """
    found = _ITERATOR.fullmatch(text)
    if found is None:
        msg = "That is no iterator of a poller; leave it out to begin."
        raise Invalid(msg, param="iterator")
    return Place(int(found[2]), None if found[1] is None else int(found[1]))
