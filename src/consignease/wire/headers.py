"""A delivery's id, time and signatures among the headers of a request."""

from collections.abc import Iterable, Mapping
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
_TWIN = dict(zip(WEBHOOK_HEADERS, SVIX_HEADERS, strict=True))
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
    if type(headers) is dict:
        usual = cast("dict[object, object]", headers)
        msg_id = usual.get(_ID)
        timestamp = usual.get(_TIMESTAMP)
        signature = usual.get(_SIGNATURE)
        if type(msg_id) is str and type(timestamp) is str and type(signature) is str:
            found = SignedHeaders(msg_id.strip(), timestamp.strip(), signature.strip())
            if found.id and found.timestamp and found.signature:
                return found
    return _search(headers)


def _search(headers: Headers) -> SignedHeaders:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    svix: dict[str, str] = {}
    twins: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = _text(raw_name).lower()
        if name in SVIX_HEADERS:
            svix.setdefault(name, _text(raw_value).strip())
        elif name in _TWIN:
            twins.setdefault(_TWIN[name], _text(raw_value).strip())
    return SignedHeaders(*[svix.get(name) or twins.get(name, "") for name in SVIX_HEADERS])


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def read_timestamp(text: str) -> int | None:
    """Read the timestamp header's Unix seconds; a fraction is dropped.

    The signature covers the whole seconds, so ``1700000000.75`` verifies where
    ``1700000000`` was signed. Returns nothing where the text is no such number.
    """
    whole, _, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= _MAX_DIGITS):
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    return int(whole)
