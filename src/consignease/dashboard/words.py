"""Numbers, times and states in words, as pages show them."""

from consignease.domain.delivery import State

NOTICES = {
    "created": "Created.",
    "saved": "Saved.",
    "deleted": "Deleted.",
    "rotated": "The secret was rotated. The one before is accepted for 24 hours more.",
    "paused": "Paused: events wait until you resume it.",
    "resumed": "Resumed: what waited is on its way.",
    "skipped": "Enabled: what waited was canceled and can be sent again by hand.",
    "resent": "It is on its way again.",
    "released": "Released: it no longer waits for the message before it.",
    "replaying": "The replay has begun.",
    "revoked": "Revoked.",
    "signed-out": "You are signed out.",
    "password": "The password was changed; other sessions have ended.",
    "totp": "Your authenticator app is set up.",
    "totp-off": "Your authenticator app is no longer asked for.",
    "passkey": "The passkey was added: you can sign in with it.",
    "passkey-off": "The passkey was removed.",
    "password-off": "Passkeys are the only way into your account now.",
    "reset": "You have a new password. Every other session has ended.",
    "banned": "Banned.",
    "unbanned": "No longer banned.",
    "locked": "Locked.",
    "unlocked": "Unlocked.",
    "resync": "The user's present state is on its way to the endpoint.",
}
"""What a page says after an action, by the short name in its address."""

STATES = {
    State.WAITING: ("Waiting", "wait"),
    State.PENDING: ("Pending", "wait"),
    State.SENDING: ("Sending", "info"),
    State.SUCCEEDED: ("Succeeded", "ok"),
    State.FAILED: ("Failed", "bad"),
    State.CANCELED: ("Canceled", "mute"),
}
"""Name and tone of each state of a delivery."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def distance(milliseconds: int) -> str:
    """Say how far off a time is: ``3 min ago``, ``in 2 h``, ``just now``."""
    seconds = abs(milliseconds) // 1000
    if seconds < 2:
        return "just now" if milliseconds <= 0 else "in a moment"
    size, name = next((size, name) for size, name in _UNITS if seconds >= size)
    text = f"{seconds // size:,} {name}"
    return f"in {text}" if milliseconds > 0 else f"{text} ago"


def number(value: int) -> str:
    """Write a number with separators."""
    return f"{value:,}"


def size(count: int) -> str:
    """Write a number of bytes."""
    return f"{count:,} B" if count < 1_024 else f"{count / 1_024:.1f} KiB"


def micros(value: int) -> str:
    """Write a duration given in microseconds."""
    if value < 1_000:
        return f"{value} µs"
    if value < 1_000_000:
        return f"{value / 1000:.1f} ms" if value < 10_000 else f"{value / 1000:.0f} ms"
    return f"{value / 1_000_000:.2f} s"


def share(part: int, whole: int) -> str:
    """Write a part as a percentage; never 100 % when something is missing."""
    if not whole:
        return "\N{EN DASH}"
    if part == whole:
        return "100%"
    return f"{min(99.9, part * 100 / whole):.1f}%"


def outcome(status: int, phase: str | None) -> tuple[str, str]:
    """Name an attempt's outcome and its tone."""
    ok = phase is None and 200 <= status < 300
    return ("Succeeded", "ok") if ok else ("Failed", "bad")


def answer(status: int, phase: str | None, error: str) -> str:
    """Say what came back: the status code, or where it failed."""
    return str(status) if status and phase is None else (error or phase or "no answer")


def browser(user_agent: str) -> str:
    """Name a browser and its system, as far as its own words tell."""
    names = (
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (
        *(("iPhone", "iPhone"), ("Android", "Android"), ("Windows", "Windows")),
        *(("Mac OS X", "macOS"), ("Linux", "Linux")),
    )
    name = next((name for mark, name in names if mark in user_agent), "Another browser")
    system = next((name for mark, name in systems if mark in user_agent), "")
    return f"{name} on {system}" if system else name
