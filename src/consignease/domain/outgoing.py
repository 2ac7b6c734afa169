"""A message of an application's own: what may be asked of one."""

import re
from collections.abc import Sequence

from consignease.domain.faults import Invalid, TooLarge

PAYLOAD_LIMIT = 1024 * 1024
"""Largest payload of an application's own message, in bytes."""
CHANNELS_MAX = 5
"""Most channels of one message."""
TAGS_MAX = 10
"""Most tags of one message."""
JSON_TYPE = "application/json"

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_SOONEST_MS, _LATEST_MS = _MINUTE_MS, 24 * _HOUR_MS
_LONGEST_HOURS = 90 * 24
_TAG = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?")
# RFC 9110, 8.3.1, with parameters; nothing that could end the header's line.
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s?;[\t\x20-\x7e]{0,200})?", re.ASCII)


def check_tags(tags: Sequence[str], param: str = "tags") -> list[str]:
    """Return a message's tags, each once.

    Raises:
        Invalid: there are too many, or one is empty, too long or not plain text.
    """
    if len(tags) > TAGS_MAX:
        msg = f"A message has at most {TAGS_MAX} tags."
        raise Invalid(msg, param=param)
    for tag in tags:
        if _TAG.fullmatch(tag) is None:
            msg = "A tag has 1 to 128 characters, no control characters, no space at its ends."
            raise Invalid(msg, param=param)
    return list(dict.fromkeys(tags))


def check_delivery_time(at: int, now: int) -> int:
    """Return when a message is to be delivered, in milliseconds.

    Raises:
        Invalid: that is not between a minute and 24 hours ahead.
    """
    if not now + _SOONEST_MS <= at <= now + _LATEST_MS:
        msg = "deliverAt is at least one minute and at most 24 hours ahead."
        raise Invalid(msg, param="deliverAt")
    return at


def expiry(days: int | None, hours: int | None, now: int) -> int | None:
    """Return when a message's payload is to be forgotten; None for the server's rule.

    Args:
        days: ``payloadRetentionPeriod``, 5 to 90.
        hours: ``payloadRetentionHours``, 1 to 2,160; not together with days.
        now: The present, in milliseconds.

    Raises:
        Invalid: both are given, or the hours are out of range.
    """
    if days is not None and hours is not None:
        msg = "payloadRetentionPeriod and payloadRetentionHours exclude each other."
        raise Invalid(msg, param="payloadRetentionHours")
    if hours is not None:
        if not 1 <= hours <= _LONGEST_HOURS:
            msg = f"payloadRetentionHours is between 1 and {_LONGEST_HOURS:,}."
            raise Invalid(msg, param="payloadRetentionHours")
        return now + hours * _HOUR_MS
    return None if days is None else now + days * _DAY_MS


def check_media_type(value: str) -> str:
    """Return the content type of a raw body.

    Raises:
        Invalid: it is none.
    """
    if _MEDIA_TYPE.fullmatch(value) is None:
        msg = f"{value[:80]!r} is not a content type."
        raise Invalid(msg, param="transformationsParams.headers")
    return value


def check_size(body: bytes) -> bytes:
    """Return a payload that is not too large.

    Raises:
        TooLarge: it is.
    """
    if len(body) > PAYLOAD_LIMIT:
        msg = f"A payload has at most {PAYLOAD_LIMIT:,} bytes."
        raise TooLarge(msg, code="payload_too_large")
    return body
