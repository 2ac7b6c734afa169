"""A user: what may be asked for, and what becomes of it.

Nothing here reads a clock, makes identifiers or hashes: they are arguments.
What can be checked without the kept state is checked first, by `draft` and
`change`, so that a unit of work only does what needs the database.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.domain import identifiers, metadata
from consignease.domain.faults import Invalid
from consignease.wire.ids import EmailAddressId, UserId
from consignease.wire.json import Metadata

PASSWORD_MIN = 8
"""Shortest password, in characters."""
PASSWORD_MAX = 1024
"""Longest password, in bytes; nothing is cut off."""
EMAILS_MAX = 30
"""Most email addresses one user is created with."""

Instant = Annotated[datetime, Meta(tz=True)]
"""An RFC 3339 time with its offset."""
Limit = Annotated[int, Meta(ge=0, le=2**31 - 1)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class MetadataParams(Struct, kw_only=True):
    """Metadata as asked for; null is as good as absent."""

    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None
    unsafe_metadata: Metadata | None = None


class ProfileParams(MetadataParams, kw_only=True):
    """What can be given when a user is created, and changed later."""

    external_id: str | None | UnsetType = UNSET
    first_name: str | None | UnsetType = UNSET
    last_name: str | None | UnsetType = UNSET
    locale: str | None | UnsetType = UNSET
    username: str | None | UnsetType = UNSET
    password: str | None = None
    skip_password_checks: bool | None = None
    delete_self_enabled: bool | None = None
    create_organization_enabled: bool | None = None
    create_organizations_limit: Limit | None | UnsetType = UNSET
    legal_accepted_at: Instant | None | UnsetType = UNSET
    skip_legal_checks: bool | None = None
    created_at: Instant | None = None
    bypass_client_trust: bool | None = None


class CreateParams(ProfileParams, kw_only=True):
    """A user as asked for."""

    email_address: list[str] | None = None
    email_address_identification_status: list[str] | None = None
    skip_password_requirement: bool | None = None
    skip_user_requirement: bool | None = None
    banned: bool | None = None
    locked: bool | None = None


class UpdateParams(ProfileParams, kw_only=True):
    """Changes to a user as asked for."""

    primary_email_address_id: str | None = None
    notify_primary_email_address_changed: bool | None = None
    sign_out_of_other_sessions: bool | None = None


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
    created_at: int | None


class Change(Struct, frozen=True, kw_only=True):
    """A change to be: checked, but for what only the database knows.

    Attributes:
        fields: New values of members of `User`.
        password: The new password, in clear; its digest comes separately.
    """

    fields: dict[str, object]
    password: str | None = None


def draft(params: CreateParams) -> Draft:
    """Check what can be checked of a user to be.

    Raises:
        Invalid: something is malformed, too long or too short.
    """
    emails = _new_emails(params)
    fields = _profile(params)
    fields |= _new_metadata(params)
    created_at = fields.pop("created_at", None)
    values = Values(
        **fields,  # pyright: ignore[reportArgumentType] - names and types are those of Values
        banned=bool(params.banned),
        locked=bool(params.locked),
    )
    metadata.check_size(values.public_metadata, values.private_metadata, values.unsafe_metadata)
    return Draft(
        values=values,
        emails=emails,
        password=_password(params),
        created_at=created_at if isinstance(created_at, int) else None,
    )


def change(params: UpdateParams) -> Change:
    """Check what can be checked of a change; metadata given here replaces.

    Raises:
        Invalid: something is malformed, too long or too short.
    """
    fields = _profile(params)
    fields |= _new_metadata(params)
    if params.primary_email_address_id is not None:
        fields["primary_email_address_id"] = params.primary_email_address_id
    return Change(fields=fields, password=_password(params))


def create(
    draft: Draft, user_id: UserId, email_ids: list[EmailAddressId], digest: str | None, now: int
) -> User:
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
                password_digest=digest,
                password_last_updated_at=None if digest is None else now,
            )
        ),
        id=user_id,
        created_at=now if draft.created_at is None else draft.created_at,
        updated_at=now,
        emails=emails,
    )


def update(user: User, change: Change, digest: str | None, now: int) -> User:
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
    if digest is not None:
        changed |= {"password_digest": digest, "password_last_updated_at": now}
    if "primary_email_address_id" in changed:
        _check_primary(user, changed["primary_email_address_id"])
    return _changed(user, changed, now)


def merge_metadata(user: User, patch: MetadataParams, now: int) -> User:
    """Merge metadata; the very same object comes back if nothing changes.

    Args:
        user: The user as it is.
        patch: What to merge, cleaned by `clean_metadata`.
        now: The time of the change.

    Raises:
        Invalid: the result would be too large or nested too deeply.
    """
    changed: dict[str, object] = {}
    for name in METADATA:
        part: Metadata | None = getattr(patch, name)
        if part:
            kept: str = getattr(user, name)
            merged = metadata.merge(kept, part, name)
            if merged != kept:
                changed[name] = merged
    return _changed(user, changed, now)


METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")


def clean_metadata(patch: MetadataParams) -> MetadataParams:
    """Check metadata and bring it to its stable form.

    Raises:
        Invalid: it would not arrive at receivers as it was written.
    """
    parts: dict[str, Metadata] = {}
    for name in METADATA:
        value: Metadata | None = getattr(patch, name)
        if value:
            parts[name] = metadata.clean(value, name)
    return MetadataParams(**parts)


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


def _new_metadata(params: MetadataParams) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name in METADATA:
        value: Metadata | None = getattr(params, name)
        if value is not None:
            fields[name] = metadata.encode(metadata.clean(value, name))
    return fields


def _profile(params: ProfileParams) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, limit in (("first_name", 256), ("last_name", 256), ("locale", 64)):
        value: str | None | UnsetType = getattr(params, name)
        if value is not UNSET:
            fields[name] = value and identifiers.text(value, name, limit)
    if params.external_id is not UNSET:
        fields["external_id"] = identifiers.text(params.external_id or "", "external_id") or None
    if params.username is not UNSET:
        fields["username"] = identifiers.username(params.username) if params.username else None
    for name in ("delete_self_enabled", "create_organization_enabled", "bypass_client_trust"):
        flag: bool | None = getattr(params, name)
        if flag is not None:
            fields[name] = flag
    if params.create_organizations_limit is not UNSET:
        fields["create_organizations_limit"] = params.create_organizations_limit
    if params.legal_accepted_at is not UNSET:
        at = params.legal_accepted_at
        fields["legal_accepted_at"] = at and _milliseconds(at, "legal_accepted_at")
    if params.created_at is not None:
        fields["created_at"] = _milliseconds(params.created_at, "created_at")
    return fields


def _milliseconds(at: datetime, param: str) -> int:
    result = (at - _EPOCH) // _MILLISECOND
    if result < 0:
        raise Invalid("is invalid", detail=f"{param} must not be before 1970.", param=param)
    return result


def _password(params: ProfileParams) -> str | None:
    password = params.password
    if password is None:
        return None
    if len(password) < (1 if params.skip_password_checks else PASSWORD_MIN):
        msg = f"Passwords must be {PASSWORD_MIN} characters or more."
        raise Invalid(msg, code="form_password_length_too_short", param="password")
    if len(password.encode()) > PASSWORD_MAX:
        msg = f"Passwords must be {PASSWORD_MAX} bytes or fewer."
        raise Invalid(msg, code="form_password_size_in_bytes_exceeded", param="password")
    return password


def _new_emails(params: CreateParams) -> tuple[NewEmail, ...]:
    addresses = params.email_address or []
    statuses = params.email_address_identification_status or ["verified"] * len(addresses)
    param = "email_address_identification_status"
    if len(statuses) != len(addresses):
        msg = f"{param} must have one item per email address."
        raise Invalid("is invalid", detail=msg, param=param)
    if not {"verified", "reserved"}.issuperset(statuses):
        msg = f"{param} must be verified or reserved."
        raise Invalid("is invalid", detail=msg, param=param)
    if len(addresses) > EMAILS_MAX:
        msg = f"A user can be created with at most {EMAILS_MAX} email addresses."
        raise Invalid("has too many items", detail=msg, param="email_address")
    return tuple(
        NewEmail(identifiers.email(address), status == "reserved")
        for address, status in zip(addresses, statuses, strict=True)
    )
