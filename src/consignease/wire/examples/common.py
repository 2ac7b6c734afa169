"""What all examples share: one moment, and identifiers that never change."""

from hashlib import sha256

from consignease.wire.ids import InstanceId, new_id

START = 1_767_225_600_000
"""Midnight of 2026-01-01 UTC, in milliseconds."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = START + 9 * HOUR


def example_id(prefix: str, name: str) -> str:
    """Make an identifier of the right shape that is the same for the same arguments."""
    return new_id(prefix, START // 1000, sha256(f"{prefix} {name}".encode()).digest()[:16])


def picture(name: str) -> str:
    """Give an image address that stays free for examples (RFC 2606)."""
    return f"https://img.example.com/{name}"


INSTANCE = InstanceId(example_id("ins", "example"))
