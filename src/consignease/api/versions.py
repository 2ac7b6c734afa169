"""Versions of the Backend API, as clients name them in ``Clerk-API-Version``.

Any version is accepted: official clients send some that nobody has published.
"""

import re

from consignease.api.ops import Headers

LATEST = b"2026-05-12"
"""The newest version known here; it is meant when none is named."""

_DATE = re.compile(rb"\d{4}-\d{2}-\d{2}")


def is_before(headers: Headers, version: bytes) -> bool:
    """Tell whether a request speaks a version older than `version`."""
    asked = headers.get(b"clerk-api-version", LATEST)
    return bool(_DATE.fullmatch(asked)) and asked < version
