"""Header fields on their way through a tunnel: what stays, what goes, what is added.

Names arrive in lower case. Their order and their repetitions are kept.
"""

import re

from consignease.tunnel.frames import Fields

FIELDS_BYTES, FIELDS_MOST = 64 * 1024, 256
"""Largest header block of a request or an answer, in bytes and in fields."""

SANDBOX = (
    b"sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
    b" allow-top-navigation-by-user-activation"
)
"""Keeps a page below ``/t/…`` out of the server's own origin: it shares the Dashboard's host."""

_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    b"transfer-encoding upgrade http2-settings expect".split()
)
_SET_HERE = frozenset(
    b"host forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix "
    b"x-forwarded-proto x-real-ip".split()
)
_WHOLE_HOST = frozenset(
    b"strict-transport-security public-key-pins expect-ct alt-svc clear-site-data nel report-to "
    b"service-worker-allowed origin-agent-cluster".split()
)
_NOT_ASKED, _NOT_ANSWERED = _HOP | _SET_HERE, _HOP | _WHOLE_HOST
_NO_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_COOKIE_OURS = re.compile(rb"(?:__Host-)?consignease", re.IGNORECASE)


class FieldsError(ValueError):
    """Header fields that cannot be passed on; the text says why."""


def _gone(always: frozenset[bytes], fields: Fields, *, upgrade: bool) -> frozenset[bytes]:
    """Return the names that stay behind: those too that ``Connection`` lists (RFC 9110 7.6.1)."""
    for name, value in fields:
        if name == b"connection":
            always |= {part.strip().lower() for part in value.split(b",")}
    return always - {b"upgrade"} if upgrade else always


def of_request(fields: Fields, *, shared_host: bool, upgrade: bool) -> Fields:
    """Return what is passed on of a request's fields.

    Args:
        fields: As they came.
        shared_host: Whether the tunnel is below a path of the server's own host: then cookies
            of the Dashboard are left out.
        upgrade: Whether another protocol is asked for; ``Upgrade`` is kept then.
    """
    gone = _gone(_NOT_ASKED, fields, upgrade=upgrade)
    kept: Fields = []
    for name, value in fields:
        if name in gone:
            continue
        passed = _others(value) if shared_host and name == b"cookie" else value
        if passed or name != b"cookie":
            kept.append((name, passed))
    return kept


def of_response(status: int, fields: Fields, *, prefix: bytes, upgrade: bool = False) -> Fields:
    """Return what is passed on of an answer's fields, and what is added.

    Args:
        status: The answer's.
        fields: As the application sent them.
        prefix: What the tunnel's path begins with; empty where it has its own host.
        upgrade: Whether the exchange changes to another protocol.

    Raises:
        FieldsError: The status is none, or they hold what no header may hold, or too much.
    """
    if not (200 <= status <= 599 or (upgrade and status == 101)):
        raise FieldsError(f"its status is {status}")
    fields = [(name.lower(), value.strip(b" \t")) for name, value in fields]
    _check(fields)
    gone = _gone(_NOT_ANSWERED, fields, upgrade=upgrade)
    if status in {204, 304}:
        gone |= {b"content-length"}
    kept: Fields = []
    for name, value in fields:
        if name in gone:
            continue
        if name == b"set-cookie":
            cookie = _cookie(value, prefix)
            if cookie:
                kept.append((name, cookie))
        else:
            kept.append((name, value))
    kept.append((b"x-robots-tag", b"noindex"))
    if prefix:
        kept.append((b"content-security-policy", SANDBOX))
    return kept


def _check(fields: Fields) -> None:
    if not fields:
        return
    names, values = zip(*fields, strict=True)
    name_bytes, value_bytes = b"".join(names), b"".join(values)
    if b"" in names or _NO_NAME.search(name_bytes) or _NO_VALUE.search(value_bytes):
        raise FieldsError("one of its headers cannot be passed on")
    if len(name_bytes) + len(value_bytes) > FIELDS_BYTES or len(fields) > FIELDS_MOST:
        raise FieldsError("its headers are too large")
    if b"content-length" in names:
        length = values[names.index(b"content-length")]
        if names.count(b"content-length") > 1 or not length.isdigit() or len(length) > 18:
            raise FieldsError("its Content-Length cannot be read")


def _others(value: bytes) -> bytes:
    """Take the server's own cookies out of a ``Cookie`` field."""
    crumbs = [crumb for crumb in value.split(b";") if not _COOKIE_OURS.match(crumb.strip())]
    return b";".join(crumbs).strip()


def _cookie(value: bytes, prefix: bytes) -> bytes:
    """Bind a cookie to the tunnel: no ``Domain``, its ``Path`` below the tunnel's.

    Returns:
        The cookie; nothing if it is one of the server's own.
    """
    crumb, *attributes = value.split(b";")
    if prefix and _COOKIE_OURS.match(crumb.strip()):
        return b""
    parts = [crumb]
    path = b""
    for attribute in attributes:
        key, _, setting = attribute.partition(b"=")
        name = key.strip().lower()
        if name == b"path" and prefix:
            path = setting.strip()
        elif name != b"domain":
            parts.append(attribute)
    if prefix:
        parts.append(b" Path=" + prefix + (path if path.startswith(b"/") else b"/"))
    return b";".join(parts)
