"""A user's identifications: added, verified, made primary, replaced, removed.

At most one of a kind is primary. It is verified when it is chosen, and while it
is primary it cannot lose that; when it is removed, the first verified one of
the others takes its place. A second factor is verified, and one of them is the
default.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from consignease.domain.faults import Invalid
from consignease.domain.identifications import (
    Identification,
    Kind,
    PhoneNumber,
    Status,
    make,
)
from consignease.domain.users import User, identifications, primary_id, timed, with_identifications


class Wanted(Struct, frozen=True, kw_only=True):
    """An identification to be, its value checked."""

    value: str
    status: Status
    primary: bool = False
    second_factor: bool = False


class Edit(Struct, frozen=True, kw_only=True):
    """A change of an identification; None leaves what it is about.

    Attributes:
        verified: Whether it is to be verified.
        primary: True makes it the primary one; it ceases to be that only when
            another one becomes it.
        second_factor: Whether it is to be a second factor.
    """

    verified: bool | None = None
    primary: bool | None = None
    second_factor: bool | None = None


def find(kind: Kind, user: User, wanted_id: str) -> Identification:
    """Return the identification with an identifier that is known to be the user's."""
    return next(one for one in identifications(user, kind) if one.id == wanted_id)


def add(kind: Kind, user: User, new_id: str, wanted: Wanted, now: int) -> User:
    """Add one; if it is verified, it becomes primary if it is to, or if none is.

    Raises:
        Invalid: it is to be primary or a second factor, and is not verified.
    """
    new = make(kind, new_id, wanted.value, wanted.status, now)
    verified = new.status == "verified"
    if wanted.primary and not verified:
        raise _not_verified(kind, "primary")
    if isinstance(new, PhoneNumber) and wanted.second_factor:
        if not verified:
            raise _factor_not_verified()
        new = msgspec.structs.replace(new, second_factor=True)
    chosen = primary_id(user, kind)
    if wanted.primary or (chosen is None and verified):
        chosen = new.id
    return _with(kind, user, (*identifications(user, kind), new), chosen, now)


def change(kind: Kind, user: User, changed_id: str, edit: Edit, now: int) -> User:
    """Change one; the very same user comes back if nothing changes.

    Raises:
        Invalid: the primary one or a second factor would not be verified.
    """
    old = find(kind, user, changed_id)
    new = _edited(kind, old, edit, now)
    primary = primary_id(user, kind)
    chosen = old.id if edit.primary else primary
    if chosen == old.id and new.status != "verified":
        if chosen != primary:
            raise _not_verified(kind, "primary")
        if new is not old:
            raise _not_verified(kind, "verified")
    if new is old and chosen == primary:
        return user
    all_ = tuple(new if one is old else one for one in identifications(user, kind))
    return _with(kind, user, all_, chosen, now)


def replace(kind: Kind, user: User, new_id: str, wanted: Wanted, now: int) -> User:
    """Replace all by one, which becomes the primary one.

    One that the user has already, in the very same state, is kept as it is; if
    it is the only one, nothing changes.
    """
    new = make(kind, new_id, wanted.value, wanted.status, now)
    for old in identifications(user, kind):
        same = (old.value, old.status, old.reserved)
        if same == (new.value, new.status, new.reserved):
            new = old
    if identifications(user, kind) == (new,) and primary_id(user, kind) == new.id:
        return user
    return _with(kind, user, (new,), new.id, now)


def remove(kind: Kind, user: User, removed_id: str, now: int) -> User:
    """Remove one."""
    left = tuple(one for one in identifications(user, kind) if one.id != removed_id)
    chosen = primary_id(user, kind)
    if chosen == removed_id:
        chosen = next((one.id for one in left if one.status == "verified"), None)
    return _with(kind, user, left, chosen, now)


def _edited(kind: Kind, old: Identification, edit: Edit, now: int) -> Identification:
    new = old
    if edit.verified is not None and edit.verified != (old.status == "verified"):
        new = make(kind, old.id, old.value, "verified" if edit.verified else "unverified", now)
        new = msgspec.structs.replace(new, created_at=old.created_at)
    if isinstance(new, PhoneNumber) and isinstance(old, PhoneNumber):
        factor = old.second_factor if edit.second_factor is None else edit.second_factor
        if factor and new.status != "verified":
            raise _factor_not_verified()
        if new is not old or factor != old.second_factor:
            default = factor and old.default_second_factor
            new = msgspec.structs.replace(
                new, second_factor=factor, default_second_factor=default, updated_at=now
            )
    return new


def _with(
    kind: Kind, user: User, all_: tuple[Identification, ...], chosen: str | None, now: int
) -> User:
    new = with_identifications(user, kind, _one_default(all_, now), chosen)
    return timed(user, msgspec.structs.replace(new, updated_at=now), now)


def _one_default(all_: Sequence[Identification], now: int) -> tuple[Identification, ...]:
    """Make the first second factor the default one, if none is."""
    factors = [one for one in all_ if isinstance(one, PhoneNumber) and one.second_factor]
    if not factors or any(one.default_second_factor for one in factors):
        return tuple(all_)
    default = msgspec.structs.replace(factors[0], default_second_factor=True, updated_at=now)
    return tuple(default if one is factors[0] else one for one in all_)


def _not_verified(kind: Kind, param: str) -> Invalid:
    return Invalid(
        "is invalid",
        detail=f"The primary {kind.words} must be a verified one; verify it, "
        "or make another one primary first.",
        param=param,
    )


def _factor_not_verified() -> Invalid:
    return Invalid(
        "is invalid",
        detail="A phone number must be verified to be a second factor.",
        param="reserved_for_second_factor",
    )
