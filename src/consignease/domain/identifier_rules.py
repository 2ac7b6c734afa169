"""Who may sign up and who may not: identifiers on an allow-list and a block-list."""

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from consignease.domain import identifiers
from consignease.domain.faults import Invalid

List: TypeAlias = Literal["allowlist", "blocklist"]

_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")
_ANYBODY = re.compile(r"(?:\*?@)?([^@\s*]+\.[^@\s*]+)")


class IdentifierRule(Struct, frozen=True, kw_only=True):
    """One identifier on a list.

    Attributes:
        identifier: An email address, ``*@`` and a domain for all of its addresses,
            a phone number or a wallet.
        identifier_type: email_address, phone_number or web3_wallet.
    """

    id: str
    identifier: str
    identifier_type: str
    created_at: int


def check(value: str) -> tuple[str, str]:
    """Return an identifier in the form in which it is compared, and its type.

    Raises:
        Invalid: it is none.
    """
    value = value.strip()
    if value.startswith("+"):
        return identifiers.phone(value, "identifier"), "phone_number"
    if _WALLET.fullmatch(value):
        return value.lower(), "web3_wallet"
    domain = _ANYBODY.fullmatch(value)
    if domain:
        identifiers.email(f"anybody@{domain[1]}", "identifier")
        return f"*@{identifiers.email_key(domain[1])}", "email_address"
    if "@" in value:
        return identifiers.email_key(identifiers.email(value, "identifier")), "email_address"
    raise Invalid(
        "is invalid",
        code="form_param_format_invalid",
        detail="identifier must be an email address, *@ and a domain, a phone number "
        "such as +15555550100, or a wallet.",
        param="identifier",
    )
