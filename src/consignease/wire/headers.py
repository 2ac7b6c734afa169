"""A delivery's id, time and signatures among the headers of a request."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias, cast

from consignease.wire.signing import SVIX_HEADERS, WEBHOOK_HEADERS

Headers: TypeAlias = (
    Mapping[str, str]
    | Mapping[bytes, bytes]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
)
"""Names in any case with their values: a mapping, or pairs as in ASGI."""

_ID, _TIMESTAMP, _SIGNATURE = SVIX_HEADERS
_SLOTS: dict[str | bytes, int] = {
    spelling: slot
    for slot, name in enumerate(SVIX_HEADERS + WEBHOOK_HEADERS)
    for spelling in (name, name.encode())
}
_MAX_DIGITS = 15


class SignedHeaders(NamedTuple):
    """The three headers that a signature needs, trimmed; empty where absent."""

    id: str
    timestamp: str
    signature: str


def read_headers(headers: Headers) -> SignedHeaders:
    """Find the three headers under their ``svix-`` names, else their ``webhook-`` ones.

    Names match in any case; of a name that comes twice the first one counts.
    """
    get: Callable[[str], object] | None = getattr(headers, "get", None)
    if get is not None:  # the spelling that nearly all frameworks hand over
        msg_id, timestamp, signature = get(_ID), get(_TIMESTAMP), get(_SIGNATURE)
        if type(msg_id) is str and type(timestamp) is str and type(signature) is str:
            found = SignedHeaders(msg_id.strip(), timestamp.strip(), signature.strip())
            if all(found):
                return found
    return _search(headers)


def _search(headers: Headers) -> SignedHeaders:
    found = [""] * 6
    pairs = cast(
        "Iterable[tuple[str | bytes, str | bytes]]",
        headers.items() if isinstance(headers, Mapping) else headers,
    )
    for name, value in pairs:
        slot = _SLOTS.get(name.lower())
        if slot is not None and not found[slot]:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            found[slot] = text.strip()
    return SignedHeaders(*[found[slot] or found[slot + 3] for slot in range(3)])


def read_timestamp(text: str) -> int | None:
    """Read the timestamp header's Unix seconds; a fraction is dropped.

    The signature covers the whole seconds, so ``1700000000.75`` verifies where
    ``1700000000`` was signed. Returns nothing where the text is no such number.
    """
    whole, point, fraction = text.partition(".")
    if point and not (fraction.isascii() and fraction.isdigit()):
        return None
    if whole.isascii() and whole.isdigit() and len(whole) <= _MAX_DIGITS:
        return int(whole)
    return None
