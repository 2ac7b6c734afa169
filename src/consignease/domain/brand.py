"""How an instance's portal looks, and which sites may show it in a frame."""

import base64
import binascii
import re
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from consignease.domain.faults import Invalid

THEMES = {"auto": "As the reader's system", "light": "Light", "dark": "Dark"}
"""What the portal may look like, with words for people."""
NAME_MAX = 64
LOGO_MAX = 64 * 1024
"""Largest logo, in bytes."""
ORIGINS_MAX = 20

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DATA = re.compile(r"data:[a-z0-9.+/-]{1,64};base64,([A-Za-z0-9+/=]*)")
# A host with a port, or with one wildcard label in front (CSP 3, 2.3.1: host-source).
_HOST = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?")
_LOCAL = ("localhost", "127.0.0.1")
_READABLE = 5.2
"""Contrast of text with the paler of two grounds; WCAG 2.2 asks for 4.5 (1.4.3)."""
_WHITE, _DARK = (1.0, 1.0, 1.0), (29 / 255, 31 / 255, 37 / 255)


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance's portal is made to look like.

    Attributes:
        name: What it is called; empty for no name.
        logo: A picture as a ``data:`` URL; empty for none.
        accent: The colour of buttons and links, ``#rrggbb``; empty for the Dashboard's.
        theme: One of `THEMES`.
        origins: Origins of the sites that may show it in a frame.
    """

    name: str = ""
    logo: str = ""
    accent: str = ""
    theme: str = "auto"
    origins: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Changes with it, so that browsers can keep what is made of it."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:10]


def check(brand: Brand, picture: Callable[[bytes], str | None]) -> Brand:
    """Check what somebody wants, and return it tidied.

    Args:
        brand: What is wanted.
        picture: Tells the media type of a picture by its bytes.

    Raises:
        Invalid: a part of it cannot be used.
    """
    name = brand.name.strip()
    if len(name) > NAME_MAX or (name and not name.isprintable()):
        raise Invalid(f"A name has at most {NAME_MAX} characters, in one line.", param="name")
    accent = brand.accent.strip().lower()
    if accent and not _COLOUR.fullmatch(accent):
        raise Invalid("A colour is # and six hexadecimal digits, such as #0b7a75.", param="accent")
    if brand.theme not in THEMES:
        raise Invalid(f"The theme is one of {', '.join(THEMES)}.", param="theme")
    origins = tuple(dict.fromkeys(check_origin(one) for one in brand.origins))
    if len(origins) > ORIGINS_MAX:
        raise Invalid(f"At most {ORIGINS_MAX} origins can be listed.", param="origins")
    logo = brand.logo.strip()
    if logo:
        body = picture_of(logo)
        kind = picture(body)
        if kind is None or len(body) > LOGO_MAX:
            raise _no_logo()
        logo = f"data:{kind};base64,{base64.b64encode(body).decode()}"
    return Brand(name=name, logo=logo, accent=accent, theme=brand.theme, origins=origins)


def check_origin(text: str) -> str:
    """Return an origin as a policy lists it.

    Raises:
        Invalid: it is none, or is plain http to another machine.
    """
    origin = text.strip().lower().rstrip("/")
    scheme, _, host = origin.partition("://")
    local = scheme == "http" and host.partition(":")[0] in _LOCAL
    fits = _HOST.fullmatch(host) and (scheme == "https" or local)
    if not fits or not _port_fits(origin):
        msg = (
            f"{text.strip()!r} is no origin such as https://app.example.com, or "
            "http://localhost:3000 on the same machine; no path, and https elsewhere."
        )
        raise Invalid(msg, param="origins")
    return origin


def _port_fits(origin: str) -> bool:
    try:
        return urlsplit(origin).port != 0
    except ValueError:
        return False


def picture_of(logo: str) -> bytes:
    """Return the bytes of a picture in a ``data:`` URL.

    Raises:
        Invalid: it is none.
    """
    found = _DATA.fullmatch(logo)
    try:
        return base64.b64decode(found[1] if found else "!", validate=True)
    except binascii.Error:
        raise _no_logo() from None


def _no_logo() -> Invalid:
    msg = "A logo is a PNG, JPEG, GIF or WebP of at most 64 KiB, as data:image/png;base64,…"
    return Invalid(msg, param="logo")


# Colours


def style(brand: Brand) -> str:
    """Return the style sheet that gives the portal its colours.

    The accent is made darker for a light ground and lighter for a dark one, as
    far as it must be to be read (WCAG 2.2, 1.4.3).
    """
    scheme = {"auto": "light dark"}.get(brand.theme, brand.theme)
    lines = [f":root {{ color-scheme: {scheme}; }}"]
    if brand.accent:
        light = _rule(readable(brand.accent, _WHITE), "black")
        dark = _rule(readable(brand.accent, _DARK), "white")
        if brand.theme == "auto":
            lines += [light, f"@media (prefers-color-scheme: dark) {{ {dark} }}"]
        else:
            lines.append(dark if brand.theme == "dark" else light)
    return "\n".join(lines) + "\n"


def _rule(colour: str, towards: str) -> str:
    return (
        f":root {{ --accent: {colour}; --accent-hover: color-mix(in srgb, {colour} 86%, {towards});"
        f" --accent-soft: color-mix(in srgb, {colour} 14%, var(--panel)); }}"
    )


_Colour = tuple[float, float, float]


def readable(colour: str, ground: _Colour) -> str:
    """Return a colour, moved towards black or white until it can be read on a ground."""
    part = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    target = 0.0 if _luminance(ground) > 0.5 else 1.0
    for step in range(101):
        share = step / 100
        moved = [round((one + (target - one) * share) * 255) for one in part]
        found: _Colour = (moved[0] / 255, moved[1] / 255, moved[2] / 255)
        if contrast(found, ground) >= _READABLE:
            return "#{:02x}{:02x}{:02x}".format(*moved)
    return "#000000" if target == 0 else "#ffffff"


def contrast(one: _Colour, other: _Colour) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: _Colour) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
