"""Pictures: which bytes are one, and the one of somebody who has none."""

import hashlib

BYTES_MAX = 10 * 1024 * 1024
"""Largest picture, in bytes."""

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def content_type(body: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF or WebP by its first bytes, or None.

    What the client says of it counts for nothing, and SVG is none of these: it
    can carry scripts.
    """
    for beginning, name in _BEGINNINGS:
        if body.startswith(beginning):
            return name
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None


def generated(name: str) -> bytes:
    """Draw the picture of somebody who has none: an SVG, always the same for a name."""
    digest = hashlib.sha256(name.encode()).digest()
    hue, turn = digest[0] * 360 // 256, 40 + digest[1] // 4
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 80">'
        '<defs><linearGradient id="g" x2="1" y2="1">'
        f'<stop stop-color="hsl({hue} 65% 62%)"/>'
        f'<stop offset="1" stop-color="hsl({(hue + turn) % 360} 65% 42%)"/>'
        '</linearGradient></defs><rect width="80" height="80" fill="url(#g)"/>'
        '<g fill="#fff" fill-opacity=".85"><circle cx="40" cy="31" r="13"/>'
        '<path d="M16 72a24 22 0 0 1 48 0v8H16z"/></g></svg>'
    ).encode()
