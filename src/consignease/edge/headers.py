"""Which header lines may be sent: nothing that could start a header of its own."""

from typing import cast

_CONTROLS = bytes(range(0x20)).replace(b"\t", b"") + b"\x7f"
_CONTROLS_IN_LINES = _CONTROLS.translate(None, b"\r\n")
_NAME_CHARS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def bad_header(name: str, value: str) -> str | None:
    """Say why a header cannot be sent, or None if it can (RFC 9110 section 5)."""
    if not name or not _NAME_CHARS.issuperset(name.lower()):
        return "a header name may only hold letters, digits and hyphens"
    if not value.isascii() or not value.replace("\t", " ").isprintable():
        return "a header value may only hold printable ASCII characters"
    return None


def clean(headers: list[str] | list[bytes]) -> bool:
    """Whether no header line holds what would start another one."""
    if headers and isinstance(headers[0], bytes):
        raw = b"".join(cast("list[bytes]", headers))
        return len(raw.translate(None, _CONTROLS)) == len(raw)
    joined = "".join(cast("list[str]", headers))
    return joined.isprintable() or joined.replace("\t", " ").isprintable()


def tidy(block: bytes, lines: int) -> bool:
    """Whether a header block has that many lines, each ended by CR LF, and is else `clean`."""
    ends = block.count(b"\r"), block.count(b"\n")
    return ends == (lines, lines) and len(block.translate(None, _CONTROLS_IN_LINES)) == len(block)
