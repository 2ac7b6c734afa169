"""What may be asked for of a user, checked before anything is read or written.

`draft`, `change` and `clean_metadata` check what can be checked without the
kept state, so that a unit of work only does what needs the database.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from consignease.domain import identifiers, metadata
from consignease.domain.faults import Invalid
from consignease.domain.identifications import EMAIL, PHONE, Kind
from consignease.domain.users import METADATA, Change, Draft, NewIdentification, Values
from consignease.wire.json import Metadata

PASSWORD_MIN = 8
"""Shortest password, in characters."""
PASSWORD_MAX = 1024
"""Longest password, in bytes; nothing is cut off."""
IDENTIFICATIONS_MAX = 30
"""Most email addresses, and most phone numbers, that one user is created with."""

Instant = Annotated[datetime, Meta(tz=True)]
"""An RFC 3339 time with its offset."""
Limit = Annotated[int, Meta(ge=0, le=2**31 - 1)]

BackupCodes = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=50)
]
"""Backup codes, in clear or as bcrypt digests."""

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
    password_digest: Annotated[str, Meta(max_length=1024)] | None = None
    password_hasher: str | None = None
    delete_self_enabled: bool | None = None
    create_organization_enabled: bool | None = None
    create_organizations_limit: Limit | None | UnsetType = UNSET
    legal_accepted_at: Instant | None | UnsetType = UNSET
    skip_legal_checks: bool | None = None
    created_at: Instant | None = None
    bypass_client_trust: bool | None = None
    totp_secret: Annotated[str, Meta(max_length=1024)] | None = None
    backup_codes: BackupCodes | None = None


class CreateParams(ProfileParams, kw_only=True):
    """A user as asked for."""

    email_address: list[str] | None = None
    email_address_identification_status: list[str] | None = None
    phone_number: list[str] | None = None
    phone_number_identification_status: list[str] | None = None
    skip_password_requirement: bool | None = None
    skip_user_requirement: bool | None = None
    banned: bool | None = None
    locked: bool | None = None


class UpdateParams(ProfileParams, kw_only=True):
    """Changes to a user as asked for."""

    primary_email_address_id: str | None = None
    primary_phone_number_id: str | None = None
    notify_primary_email_address_changed: bool | None = None
    sign_out_of_other_sessions: bool | None = None


def draft(params: CreateParams) -> Draft:
    """Check what can be checked of a user to be.

    Raises:
        Invalid: something is malformed, too long or too short.
    """
    emails = _new(EMAIL, params.email_address, params.email_address_identification_status)
    phones = _new(PHONE, params.phone_number, params.phone_number_identification_status)
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
        phones=phones,
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
    for name in ("primary_email_address_id", "primary_phone_number_id"):
        chosen: str | None = getattr(params, name)
        if chosen is not None:
            fields[name] = chosen
    return Change(fields=fields, password=_password(params))


def replacement(params: MetadataParams) -> Change:
    """Check metadata that is to replace the kept one, object by object.

    Raises:
        Invalid: it would not arrive at receivers as it was written.
    """
    return Change(fields=_new_metadata(params))


def clean_metadata(patch: MetadataParams) -> dict[str, Metadata]:
    """Check metadata to merge and bring it to its stable form.

    Returns:
        What to merge into which of `METADATA`; only what is not empty.

    Raises:
        Invalid: it would not arrive at receivers as it was written.
    """
    parts: dict[str, Metadata] = {}
    for name in METADATA:
        value: Metadata | None = getattr(patch, name)
        if value:
            parts[name] = metadata.clean(value, name)
    return parts


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


_CHECK = {EMAIL.name: identifiers.email, PHONE.name: identifiers.phone}


def _new(
    kind: Kind, values: list[str] | None, statuses: list[str] | None
) -> tuple[NewIdentification, ...]:
    values = values or []
    statuses = statuses or ["verified"] * len(values)
    param = f"{kind.name}_identification_status"
    if len(statuses) != len(values):
        msg = f"{param} must have one item per {kind.words}."
        raise Invalid("is invalid", detail=msg, param=param)
    if not {"verified", "reserved"}.issuperset(statuses):
        msg = f"{param} must be verified or reserved."
        raise Invalid("is invalid", detail=msg, param=param)
    if len(values) > IDENTIFICATIONS_MAX:
        msg = f"{kind.name} takes at most {IDENTIFICATIONS_MAX} values."
        raise Invalid("has too many items", detail=msg, param=kind.name)
    return tuple(
        NewIdentification(_CHECK[kind.name](value, kind.name), status == "reserved")
        for value, status in zip(values, statuses, strict=True)
    )
