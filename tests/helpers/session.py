"""A terminal session as text: what was typed, and what was printed, without what differs each time."""

import re

_PLACES = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\d\d:\d\d:\d\d\.\d{3}"), "12:04:31.220"),
    (re.compile(r"\b(msg|ep|user|ins|app)_[0-9A-Za-z]{8,}"), r"\1_3HR5…"),
    (re.compile(r"whsec_[0-9A-Za-z+/=]+"), "whsec_…"),
    (re.compile(r"#[0-9A-Za-z_-]{20,}"), "#k2Zt…"),
    (re.compile(r"\b\d+ ms\b"), "4 ms"),
    (re.compile(r"process \d+ of \S+ on \S+"), "process 4242 of ada on laptop"),
    (re.compile(r"\S*/data\b"), ".consignease"),
]


def normal(text: str, ports: dict[int, int]) -> str:
    """Return a text with times, identifiers, secrets and ports as a reader would have them."""
    for pattern, shown in _PLACES:
        text = pattern.sub(shown, text)
    for port, shown in ports.items():
        text = re.sub(rf"(?<=[: ]){port}\b", str(shown), text)
    return text.rstrip()
