"""A user's email addresses: added, verified, made primary, replaced, removed.

At most one is primary. It is verified when it is chosen, and while it is
primary it cannot lose that; when it is removed, the first verified one of the
others takes its place.
"""

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from consignease.domain.faults import Invalid
from consignease.domain.users import EmailAddress, User
from consignease.wire.ids import EmailAddressId

Status: TypeAlias = Literal["verified", "reserved", "unverified"]
"""How an address begins: *reserved* is unverified, but good for signing in."""


class Wanted(Struct, frozen=True, kw_only=True):
    """An email address to be, checked."""

    address: str
    status: Status
    primary: bool = False


class Edit(Struct, frozen=True, kw_only=True):
    """A change of an email address; None leaves what it is about.

    Attributes:
        verified: Whether it is to be verified.
        primary: True makes it the primary one; it ceases to be that only when
            another one becomes it.
    """

    verified: bool | None = None
    primary: bool | None = None


def make(email_id: EmailAddressId, address: str, status: Status, now: int) -> EmailAddress:
    """Make an email address as an administrator's call brings it in.

    Args:
        email_id: Its identifier.
        address: The address, checked.
        status: How it begins.
        now: Milliseconds.
    """
    verified = status == "verified"
    return EmailAddress(
        id=email_id,
        email_address=address,
        status="verified" if verified else "unverified",
        strategy="admin" if verified else "email_code",
        reserved=status == "reserved",
        created_at=now,
        updated_at=now,
    )


def find(user: User, email_id: str) -> EmailAddress:
    """Return the address of a user with an identifier that is known to be the user's."""
    return next(email for email in user.emails if email.id == email_id)


def add(user: User, email: EmailAddress, *, primary: bool, now: int) -> User:
    """Add an address; a verified one becomes primary if it is to, or if none is.

    Raises:
        Invalid: it is to be primary and is not verified.
    """
    if primary and email.status != "verified":
        raise _not_verified("primary")
    chosen = user.primary_email_address_id
    if primary or (chosen is None and email.status == "verified"):
        chosen = email.id
    return _with(user, (*user.emails, email), chosen, now)


def change(user: User, email_id: str, edit: Edit, now: int) -> User:
    """Change an address; the very same user comes back if nothing changes.

    Raises:
        Invalid: the primary address would not be verified.
    """
    old = new = find(user, email_id)
    if edit.verified is not None and edit.verified != (old.status == "verified"):
        new = make(old.id, old.email_address, "verified" if edit.verified else "unverified", now)
        new = msgspec.structs.replace(new, created_at=old.created_at)
    chosen = old.id if edit.primary else user.primary_email_address_id
    if chosen == old.id and new.status != "verified":
        if edit.primary and chosen != user.primary_email_address_id:
            raise _not_verified("primary")
        if new is not old:
            raise _not_verified("verified")
    if new is old and chosen == user.primary_email_address_id:
        return user
    emails = tuple(new if email is old else email for email in user.emails)
    return _with(user, emails, chosen, now)


def replace(user: User, email: EmailAddress, now: int) -> User:
    """Replace every address by one, which becomes the primary one.

    An address that the user has already, in the very same state, is kept as it
    is; if it is the only one, nothing changes.
    """
    for old in user.emails:
        same = (old.email_address, old.status, old.reserved)
        if same == (email.email_address, email.status, email.reserved):
            email = old
    if user.emails == (email,) and user.primary_email_address_id == email.id:
        return user
    return _with(user, (email,), email.id, now)


def remove(user: User, email_id: str, now: int) -> User:
    """Remove an address."""
    emails = tuple(email for email in user.emails if email.id != email_id)
    chosen = user.primary_email_address_id
    if chosen == email_id:
        chosen = next((email.id for email in emails if email.status == "verified"), None)
    return _with(user, emails, chosen, now)


def _with(
    user: User, emails: tuple[EmailAddress, ...], chosen: EmailAddressId | None, now: int
) -> User:
    return msgspec.structs.replace(
        user, emails=emails, primary_email_address_id=chosen, updated_at=now
    )


def _not_verified(param: str) -> Invalid:
    return Invalid(
        "is invalid",
        detail="The primary email address must be a verified one; verify it, "
        "or make another one primary first.",
        param=param,
    )
