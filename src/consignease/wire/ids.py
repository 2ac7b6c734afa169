"""Identifiers: a prefix that says what it names, then 27 base62 characters.

The 27 characters are a KSUID: four bytes of seconds since 2014-05-13 and 16
random bytes, so identifiers of one kind sort by creation time as plain text.
Layout and epoch follow the public KSUID description.
"""

import os
import time
from typing import NewType

InstanceId = NewType("InstanceId", str)
UserId = NewType("UserId", str)
EmailAddressId = NewType("EmailAddressId", str)
PhoneNumberId = NewType("PhoneNumberId", str)
Web3WalletId = NewType("Web3WalletId", str)
PasskeyId = NewType("PasskeyId", str)
ExternalAccountId = NewType("ExternalAccountId", str)
SamlAccountId = NewType("SamlAccountId", str)
EnterpriseAccountId = NewType("EnterpriseAccountId", str)
EnterpriseConnectionId = NewType("EnterpriseConnectionId", str)
ClientId = NewType("ClientId", str)
SessionId = NewType("SessionId", str)
ActivityId = NewType("ActivityId", str)
OrganizationId = NewType("OrganizationId", str)
MembershipId = NewType("MembershipId", str)
OrganizationInvitationId = NewType("OrganizationInvitationId", str)
OrganizationDomainId = NewType("OrganizationDomainId", str)
RoleId = NewType("RoleId", str)
PermissionId = NewType("PermissionId", str)
InvitationId = NewType("InvitationId", str)
WaitlistEntryId = NewType("WaitlistEntryId", str)
EmailId = NewType("EmailId", str)
SMSMessageId = NewType("SMSMessageId", str)
SubscriptionId = NewType("SubscriptionId", str)
SubscriptionItemId = NewType("SubscriptionItemId", str)
PlanId = NewType("PlanId", str)
PayerId = NewType("PayerId", str)
PayeeId = NewType("PayeeId", str)
PaymentSourceId = NewType("PaymentSourceId", str)
PaymentAttemptId = NewType("PaymentAttemptId", str)
PaymentId = NewType("PaymentId", str)
StatementId = NewType("StatementId", str)
AppId = NewType("AppId", str)
EndpointId = NewType("EndpointId", str)
MessageId = NewType("MessageId", str)
AttemptId = NewType("AttemptId", str)

EPOCH = 1_400_000_000
"""First second of KSUID time, in Unix seconds."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {char: value for value, char in enumerate(_ALPHABET)}
_triples: list[str] = []  # 238,328 strings: filled by the first process that makes an id
_LENGTH = 27
_BASE3 = 62**3
_BASE9 = 62**9


def encode20(raw: bytes) -> str:
    """Write 20 bytes as 27 base62 characters, keeping their order.

    Raises:
        ValueError: `raw` is not 20 bytes long.
    """
    if len(raw) != 20:
        msg = f"a KSUID has 20 bytes, not {len(raw)}"
        raise ValueError(msg)
    rest, low = divmod(int.from_bytes(raw), _BASE9)
    high, middle = divmod(rest, _BASE9)
    return _nine(high) + _nine(middle) + _nine(low)


def _nine(number: int) -> str:
    triples = _triples or _fill()
    rest, last = divmod(number, _BASE3)
    first, middle = divmod(rest, _BASE3)
    return triples[first] + triples[middle] + triples[last]


def _fill() -> list[str]:
    filled = [a + b + c for a in _ALPHABET for b in _ALPHABET for c in _ALPHABET]
    _triples[:] = filled  # at once, so that no other thread sees a part
    return _triples


def decode20(text: str) -> bytes:
    """Read back what `encode20` wrote.

    Raises:
        ValueError: `text` is not 27 base62 characters that fit 20 bytes.
    """
    if len(text) != _LENGTH:
        msg = f"an identifier ends in {_LENGTH} characters, not {len(text)}"
        raise ValueError(msg)
    number = 0
    for char in text:
        value = _VALUE.get(char)
        if value is None:
            msg = f"{char!r} is not a base62 character"
            raise ValueError(msg)
        number = number * 62 + value
    if number >> 160:
        msg = "the identifier is larger than 20 bytes"
        raise ValueError(msg)
    return number.to_bytes(20)


def new_id(prefix: str, seconds: float | None = None, entropy: bytes | None = None) -> str:
    """Make an identifier such as ``user_2g7np7Hrk0SN6kj5EDMLDaKNL0S``.

    Args:
        prefix: What is named, without the underscore.
        seconds: Unix time; now if left out.
        entropy: 16 random bytes; fresh ones if left out.
    """
    stamp = int(time.time() if seconds is None else seconds) - EPOCH
    return f"{prefix}_{encode20(stamp.to_bytes(4) + (entropy or os.urandom(16)))}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether `text` has the shape of an identifier of that kind."""
    head, _, tail = text.rpartition("_")
    if head != prefix:
        return False
    try:
        _ = decode20(tail)
    except ValueError:
        return False
    return True
