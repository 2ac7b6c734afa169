"""What a user is known and reached by: email addresses and phone numbers.

Both are kept and changed by the same rules, so the kind is an argument. What
differs is how they are written, and that a phone number can serve as a second
factor.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

Status: TypeAlias = Literal["verified", "reserved", "unverified"]
"""How an identification begins: *reserved* is unverified, but good for signing in."""


class Identification(Struct, frozen=True, kw_only=True):
    """One email address or phone number of a user, as it is kept."""

    id: str
    value: str
    """The address or number itself."""
    status: str = "verified"
    """verified or unverified."""
    strategy: str = "admin"
    """How it was, or is to be, verified."""
    reserved: bool = False
    created_at: int
    updated_at: int


class EmailAddress(Identification, frozen=True, kw_only=True):
    """One email address."""


class PhoneNumber(Identification, frozen=True, kw_only=True):
    """One phone number, in E.164 form."""

    second_factor: bool = False
    """Codes that are sent to it complete a sign-in."""
    default_second_factor: bool = False
    """It is the one of those that is proposed."""


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of identification.

    Attributes:
        name: As APIs spell it, and the name of its table.
        words: As people say it.
        type: What it is made of.
        code: The strategy by which a user proves it.
    """

    name: Literal["email_address", "phone_number"]
    words: str
    type: type[Identification]
    code: str


EMAIL: Final = Kind(
    name="email_address", words="email address", type=EmailAddress, code="email_code"
)
PHONE: Final = Kind(name="phone_number", words="phone number", type=PhoneNumber, code="phone_code")
KINDS = (EMAIL, PHONE)


def make(kind: Kind, new_id: str, value: str, status: Status, now: int) -> Identification:
    """Make an identification as an administrator's call brings it in.

    Args:
        kind: Its kind.
        new_id: Its identifier.
        value: The address or number, checked.
        status: How it begins.
        now: Milliseconds.
    """
    verified = status == "verified"
    return kind.type(
        id=new_id,
        value=value,
        status="verified" if verified else "unverified",
        strategy="admin" if verified else kind.code,
        reserved=status == "reserved",
        created_at=now,
        updated_at=now,
    )
