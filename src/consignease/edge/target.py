"""Read an endpoint's URL: what may be written there, and what it points at.

Parsing follows the WHATWG URL standard where readers differ: a host whose last
label is a number is an IPv4 address in any of its spellings (`0x7f.1`,
`2130706433`, `0177.0.0.1`), so that we and every other reader see the same one.
"""

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna
import msgspec

URL_LIMIT = 2048
"""Longest URL accepted, in characters."""

_PORTS = {"http": 80, "https": 443}
_NAME_LIMIT, _LABEL_LIMIT = 253, 63
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_DIGITS = {8: frozenset("01234567"), 10: frozenset("0123456789"), 16: frozenset("0123456789abcdef")}


class BadUrlError(ValueError):
    """The URL cannot be an endpoint; the message says why in plain words."""


class Target(msgspec.Struct, frozen=True, cache_hash=True):
    """What a checked URL points at.

    Attributes:
        url: the URL to request, in canonical spelling and without a fragment.
        scheme: `http` or `https`.
        host: lower-case ASCII name without a final dot, or an address in its
            canonical spelling (IPv6 without brackets).
        port: 1 to 65535.
        literal: whether `host` is an address rather than a name.
        path: path and query, as sent.
    """

    url: str
    scheme: str
    host: str
    port: int
    literal: bool
    path: str


def check_url(url: str) -> Target:
    """Check that `url` can be requested at all, whatever its address.

    Args:
        url: as the user wrote it.

    Raises:
        BadUrlError: it is too long, not http or https, carries a user name or
            password, names no usable host or port, or holds characters that
            could be read as something else.
    """
    if len(url) > URL_LIMIT:
        raise BadUrlError(f"the URL is longer than {URL_LIMIT} characters")
    if not url.isprintable() or " " in url or "\\" in url:
        raise BadUrlError("the URL holds a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
        written = parts.hostname or ""
    except ValueError:
        raise BadUrlError("the URL's host or port cannot be read") from None
    if parts.scheme not in _PORTS:
        raise BadUrlError("the URL must start with http:// or https://")
    if "@" in parts.netloc:
        raise BadUrlError("the URL holds a user name or password: send it in a header instead")
    if port == 0:
        raise BadUrlError("the URL's port must be between 1 and 65535")
    host, literal = _host(written, bracketed=parts.netloc.startswith("["))
    path = _escape(parts.path or "/") + (f"?{_escape(parts.query)}" if parts.query else "")
    shown = f"[{host}]" if ":" in host else host
    number = port or _PORTS[parts.scheme]
    where = shown if number == _PORTS[parts.scheme] else f"{shown}:{number}"
    return Target(f"{parts.scheme}://{where}{path}", parts.scheme, host, number, literal, path)


def _escape(text: str) -> str:
    return text if text.isascii() else quote(text, safe="".join(map(chr, range(0x21, 0x7F))))


def _host(written: str, *, bracketed: bool) -> tuple[str, bool]:
    if bracketed:
        return _ipv6(written), True
    host = written.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise BadUrlError("the URL's host is not a valid international name") from None
    host = host.removesuffix(".")
    if not host:
        raise BadUrlError("the URL has no host")
    labels = host.split(".")
    if _numeric(labels[-1]):
        return str(_ipv4(labels)), True
    if len(host) > _NAME_LIMIT:
        raise BadUrlError(f"the URL's host is longer than {_NAME_LIMIT} characters")
    for label in labels:
        if not 0 < len(label) <= _LABEL_LIMIT or not _LABEL.issuperset(label):
            raise BadUrlError("the URL's host is not a valid name")
    return host, False


def _ipv6(written: str) -> str:
    try:
        address = IPv6Address(written)
    except AddressValueError:
        raise BadUrlError("the URL's host is not a valid IPv6 address") from None
    if address.scope_id is not None:
        raise BadUrlError("the URL's IPv6 address names a network interface")
    return str(address)


def _numeric(label: str) -> bool:
    return label.isdigit() or (label.startswith("0x") and _DIGITS[16].issuperset(label[2:]))


def _ipv4(labels: list[str]) -> IPv4Address:
    """Read one to four numbers, decimal, octal or hexadecimal (inet_aton)."""
    numbers = [_number(label) for label in labels]
    last = numbers[-1]
    if len(numbers) > 4 or any(n > 255 for n in numbers[:-1]) or last >= 256 ** (5 - len(numbers)):
        raise BadUrlError("the URL's host is not a valid IPv4 address")
    for position, number in enumerate(numbers[:-1]):
        last += number << 8 * (3 - position)
    return IPv4Address(last)


def _number(label: str) -> int:
    base, digits = 10, label
    if label.startswith("0x"):
        base, digits = 16, label[2:] or "0"
    elif len(label) > 1 and label.startswith("0"):
        base, digits = 8, label[1:]
    if not digits or not _DIGITS[base].issuperset(digits):
        raise BadUrlError("the URL's host is not a valid IPv4 address")
    return int(digits, base)
