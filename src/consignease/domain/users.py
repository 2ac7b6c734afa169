"""A user: what it is, and what becomes of it.

Nothing here reads a clock, makes identifiers or hashes: they are arguments.
What is asked for comes checked, from `consignease.domain.user_params`.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import Struct

from consignease.domain import metadata
from consignease.domain.faults import Invalid
from consignease.domain.identifications import (
    EMAIL,
    PHONE,
    EmailAddress,
    Identification,
    Kind,
    PhoneNumber,
    make,
)
from consignease.wire.ids import EmailAddressId, PhoneNumberId, UserId
from consignease.wire.json import Metadata

METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")
"""A user's three free JSON objects, by name."""


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
    primary_phone_number_id: PhoneNumberId | None = None
    image_id: str | None = None
    """Of its picture; None if it has none of its own."""
    password_digest: str | None = None
    password_last_updated_at: int | None = None
    password_compromised: bool = False
    """It must be changed at the next sign-in."""
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
    """A user with its identifications."""

    id: UserId
    created_at: int
    updated_at: int
    emails: tuple[EmailAddress, ...] = ()
    phones: tuple[PhoneNumber, ...] = ()


class NewIdentification(Struct, frozen=True):
    """An email address or phone number that a new user is to have."""

    value: str
    reserved: bool


class Factors(Struct, frozen=True, kw_only=True):
    """Second factors to be kept, each sealed; None leaves what there is.

    Attributes:
        totp: The secret of an authenticator.
        codes: A JSON array of backup codes, each in clear or as a bcrypt digest.
    """

    totp: bytes | None = None
    codes: bytes | None = None


class Draft(Struct, frozen=True, kw_only=True):
    """A user to be: checked, but for what only the database knows."""

    id: UserId | None = None
    """Made when it is created, if left out."""
    identification_ids: tuple[str, ...] = ()
    """The same of its email addresses and then its phone numbers."""
    values: Values
    emails: tuple[NewIdentification, ...] = ()
    phones: tuple[NewIdentification, ...] = ()
    password: str | None = None
    """In clear; only until it is hashed."""
    digest: str | None = None
    factors: Factors | None = None
    created_at: int | None = None


class Change(Struct, frozen=True, kw_only=True):
    """A change to be: checked, but for what only the database knows.

    Attributes:
        fields: New values of members of `User`.
        password: The new password, in clear; only until it is hashed.
        digest: Digest of the new password.
        factors: New second factors.
    """

    fields: dict[str, object]
    password: str | None = None
    digest: str | None = None
    factors: Factors | None = None


BAN = Change(fields={"banned": True})
UNBAN = Change(fields={"banned": False})
LOCK = Change(fields={"locked": True, "lockout_expires_at": None})
"""A lock by an administrator holds until it is undone."""
UNLOCK = Change(fields={"locked": False, "lockout_expires_at": None})
REMOVE_PASSWORD = Change(
    fields={
        "password_digest": None,
        "password_last_updated_at": None,
        "password_compromised": False,
    }
)
COMPROMISED = Change(fields={"password_compromised": True})
NOT_COMPROMISED = Change(fields={"password_compromised": False})


def identifications(user: User, kind: Kind) -> tuple[Identification, ...]:
    """Return a user's identifications of a kind."""
    return user.emails if kind is EMAIL else user.phones


def primary_id(user: User, kind: Kind) -> str | None:
    """Return the id of a user's primary identification of a kind, or None."""
    return user.primary_email_address_id if kind is EMAIL else user.primary_phone_number_id


def with_identifications(
    user: User, kind: Kind, all_: Sequence[Identification], primary: str | None
) -> User:
    """Return a user with other identifications of a kind."""
    many = "emails" if kind is EMAIL else "phones"
    return msgspec.structs.replace(user, **{many: tuple(all_), f"primary_{kind.name}_id": primary})


def two_factor_enabled(user: User) -> bool:
    """Whether signing in takes a second factor."""
    return user.totp_enabled or any(phone.second_factor for phone in user.phones)


def timed(old: User, new: User, now: int) -> User:
    """Note when second factors came or went; those times are kept afterwards."""
    had, has = two_factor_enabled(old), two_factor_enabled(new)
    if had == has:
        return new
    return msgspec.structs.replace(new, **{"mfa_enabled_at" if has else "mfa_disabled_at": now})


def create(draft: Draft, user_id: UserId, ids: Sequence[str], now: int) -> User:
    """Make a user; its first identification of each kind is the primary one.

    Args:
        draft: The user to be.
        user_id: Its identifier.
        ids: Identifiers for its email addresses and then its phone numbers.
        now: Milliseconds.
    """
    fresh = iter(ids)
    factors = draft.factors or Factors()
    user = User(
        **msgspec.structs.asdict(
            msgspec.structs.replace(
                draft.values,
                password_digest=draft.digest,
                password_last_updated_at=None if draft.digest is None else now,
                totp_enabled=factors.totp is not None,
                backup_code_enabled=factors.codes is not None,
                mfa_enabled_at=None if factors.totp is None else now,
            )
        ),
        id=user_id,
        created_at=now if draft.created_at is None else draft.created_at,
        updated_at=now,
    )
    for kind, wanted in ((EMAIL, draft.emails), (PHONE, draft.phones)):
        made = [
            make(kind, next(fresh), new.value, "reserved" if new.reserved else "verified", now)
            for new in wanted
        ]
        if made:
            user = with_identifications(user, kind, made, made[0].id)
    return user


def update(user: User, change: Change, now: int) -> User:
    """Apply a change; the very same object comes back if nothing changes.

    Raises:
        Invalid: what is to be primary is none of the user's verified ones, the
            password is to be compromised and there is none, or the metadata
            would be too large.
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
        changed["password_compromised"] = False
    if change.factors is not None:
        changed |= {"totp_enabled": True} if change.factors.totp is not None else {}
        changed |= {"backup_code_enabled": True} if change.factors.codes is not None else {}
    for kind in (EMAIL, PHONE):
        _check_primary(user, kind, changed)
    if changed.get("password_compromised") and user.password_digest is None:
        msg = "This user has no password."
        raise Invalid(msg, code="no_password_set", param="password")
    return _changed(user, changed, now)


def disable_mfa(user: User, factors: Collection[str], now: int) -> User:
    """Take second factors away; the very same object comes back if there are none.

    Args:
        user: The user as it is.
        factors: Which of ``totp_enabled``, ``backup_code_enabled`` and ``phones``.
        now: Milliseconds.
    """
    changed: dict[str, object] = {
        name: False for name in factors if name != "phones" and getattr(user, name)
    }
    if "phones" in factors and any(phone.second_factor for phone in user.phones):
        changed["phones"] = tuple(_no_factor(phone, now) for phone in user.phones)
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
    new = msgspec.structs.replace(user, **changed, updated_at=now)
    metadata.check_size(new.public_metadata, new.private_metadata, new.unsafe_metadata)
    return timed(user, new, now)


def _no_factor(phone: PhoneNumber, now: int) -> PhoneNumber:
    if not phone.second_factor:
        return phone
    return msgspec.structs.replace(
        phone, second_factor=False, default_second_factor=False, updated_at=now
    )


def _check_primary(user: User, kind: Kind, changed: Mapping[str, object]) -> None:
    param = f"primary_{kind.name}_id"
    if param not in changed:
        return
    for one in identifications(user, kind):
        if one.id == changed[param] and one.status == "verified":
            return
    raise Invalid(
        "is invalid",
        detail=f"{param} must name a verified {kind.words} of this user.",
        param=param,
    )
