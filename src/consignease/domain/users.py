"""A user: what it is, and what becomes of it.

Nothing here reads a clock, makes identifiers or hashes: they are arguments.
What is asked for comes checked, from `consignease.domain.user_params`.
"""

from collections.abc import Collection, Mapping

import msgspec
from msgspec import Struct

from consignease.domain import metadata
from consignease.domain.faults import Invalid
from consignease.wire.ids import EmailAddressId, UserId
from consignease.wire.json import Metadata

METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")
"""A user's three free JSON objects, by name."""


class EmailAddress(Struct, frozen=True, kw_only=True):
    """One email address of a user, as it is kept."""

    id: EmailAddressId
    email_address: str
    status: str = "verified"
    """verified or unverified."""
    strategy: str = "admin"
    """How it was, or is to be, verified."""
    reserved: bool = False
    created_at: int
    updated_at: int


class Values(Struct, frozen=True, kw_only=True):
    """What a user is, but for what identifies it and when it came to be.

    Times are milliseconds since 1970, metadata is JSON text.
    """

    external_id: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    primary_email_address_id: EmailAddressId | None = None
    primary_phone_number_id: str | None = None
    password_digest: str | None = None
    password_last_updated_at: int | None = None
    totp_enabled: bool = False
    backup_code_enabled: bool = False
    mfa_enabled_at: int | None = None
    mfa_disabled_at: int | None = None
    public_metadata: str = metadata.EMPTY
    private_metadata: str = metadata.EMPTY
    unsafe_metadata: str = metadata.EMPTY
    last_sign_in_at: int | None = None
    last_active_at: int | None = None
    banned: bool = False
    locked: bool = False
    lockout_expires_at: int | None = None
    delete_self_enabled: bool = True
    create_organization_enabled: bool = True
    create_organizations_limit: int | None = None
    legal_accepted_at: int | None = None
    bypass_client_trust: bool = False


class User(Values, frozen=True, kw_only=True):
    """A user with its email addresses."""

    id: UserId
    created_at: int
    updated_at: int
    emails: tuple[EmailAddress, ...] = ()


class NewEmail(Struct, frozen=True):
    """An email address that a new user is to have."""

    email_address: str
    reserved: bool


class Draft(Struct, frozen=True, kw_only=True):
    """A user to be: checked, but for what only the database knows."""

    values: Values
    emails: tuple[NewEmail, ...]
    password: str | None
    """In clear; only until it is hashed."""
    digest: str | None = None
    created_at: int | None


class Change(Struct, frozen=True, kw_only=True):
    """A change to be: checked, but for what only the database knows.

    Attributes:
        fields: New values of members of `User`.
        password: The new password, in clear; only until it is hashed.
        digest: Digest of the new password.
    """

    fields: dict[str, object]
    password: str | None = None
    digest: str | None = None


BAN = Change(fields={"banned": True})
UNBAN = Change(fields={"banned": False})
LOCK = Change(fields={"locked": True, "lockout_expires_at": None})
"""A lock by an administrator holds until it is undone."""
UNLOCK = Change(fields={"locked": False, "lockout_expires_at": None})
REMOVE_PASSWORD = Change(fields={"password_digest": None, "password_last_updated_at": None})


def create(draft: Draft, user_id: UserId, email_ids: list[EmailAddressId], now: int) -> User:
    """Make a user; its first email address is the primary one."""
    emails = tuple(
        EmailAddress(
            id=email_id,
            email_address=email.email_address,
            status="unverified" if email.reserved else "verified",
            strategy="email_code" if email.reserved else "admin",
            reserved=email.reserved,
            created_at=now,
            updated_at=now,
        )
        for email_id, email in zip(email_ids, draft.emails, strict=True)
    )
    return User(
        **msgspec.structs.asdict(
            msgspec.structs.replace(
                draft.values,
                primary_email_address_id=emails[0].id if emails else None,
                password_digest=draft.digest,
                password_last_updated_at=None if draft.digest is None else now,
            )
        ),
        id=user_id,
        created_at=now if draft.created_at is None else draft.created_at,
        updated_at=now,
        emails=emails,
    )


def update(user: User, change: Change, now: int) -> User:
    """Apply a change; the very same object comes back if nothing changes.

    Raises:
        Invalid: the primary email address is none of the user's verified ones,
            or the metadata would be too large.
    """
    fields = {
        name: metadata.replace(getattr(user, name), value)
        if name in METADATA and isinstance(value, str)
        else value
        for name, value in change.fields.items()
    }
    changed = {name: value for name, value in fields.items() if getattr(user, name) != value}
    if change.digest is not None:
        changed |= {"password_digest": change.digest, "password_last_updated_at": now}
    if "primary_email_address_id" in changed:
        _check_primary(user, changed["primary_email_address_id"])
    return _changed(user, changed, now)


def disable_mfa(user: User, factors: Collection[str], now: int) -> User:
    """Take second factors away; the very same object comes back if there are none.

    Args:
        user: The user as it is.
        factors: Which of ``totp_enabled`` and ``backup_code_enabled``.
        now: Milliseconds.
    """
    changed: dict[str, object] = {name: False for name in factors if getattr(user, name)}
    if changed and ("totp_enabled" in factors or not user.totp_enabled):
        changed |= {"mfa_enabled_at": None, "mfa_disabled_at": now}
    return _changed(user, changed, now)


def merge_metadata(user: User, patch: Mapping[str, Metadata], now: int) -> User:
    """Merge metadata; the very same object comes back if nothing changes.

    Args:
        user: The user as it is.
        patch: What to merge into which of `METADATA`, in its stable form.
        now: The time of the change.

    Raises:
        Invalid: the result would be too large or nested too deeply.
    """
    changed: dict[str, object] = {}
    for name, part in patch.items():
        kept: str = getattr(user, name)
        merged = metadata.merge(kept, part, name)
        if merged != kept:
            changed[name] = merged
    return _changed(user, changed, now)


def _changed(user: User, changed: dict[str, object], now: int) -> User:
    if not changed:
        return user
    user = msgspec.structs.replace(user, **changed, updated_at=now)
    metadata.check_size(user.public_metadata, user.private_metadata, user.unsafe_metadata)
    return user


def _check_primary(user: User, email_id: object) -> None:
    for email in user.emails:
        if email.id == email_id and email.status == "verified":
            return
    param = "primary_email_address_id"
    raise Invalid(
        "is invalid",
        detail=f"{param} must name a verified email address of this user.",
        param=param,
    )
