"""Roles and permissions within organizations."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import PermissionId, RoleId


class PermissionJSON(Struct, frozen=True, kw_only=True):
    """Something that a role allows. Times are milliseconds."""

    object: str = "permission"
    id: PermissionId
    name: str
    key: str
    """For example org:posts:read."""
    description: str
    type: str | UnsetType = UNSET
    """system or user."""
    created_at: int
    updated_at: int


class RoleJSON(Struct, frozen=True, kw_only=True):
    """A named set of permissions. Times are milliseconds."""

    object: str = "role"
    id: RoleId
    name: str
    key: str
    """For example org:admin."""
    description: str | None
    is_creator_eligible: bool = False
    permissions: list[PermissionJSON]
    created_at: int
    updated_at: int


class PermissionDeletedJSON(Struct, frozen=True, kw_only=True):
    """A deleted permission: all that is known, or as little as its id.

    The vendor's own descriptions disagree about which of the two is sent.
    """

    object: str = "permission"
    id: PermissionId
    slug: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    deleted: bool = True


class RoleDeletedJSON(Struct, frozen=True, kw_only=True):
    """A deleted role: all that is known, or as little as its id.

    The vendor's own descriptions disagree about which of the two is sent.
    """

    object: str = "role"
    id: RoleId
    slug: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    is_creator_eligible: bool | UnsetType = UNSET
    permissions: list[PermissionJSON] | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    deleted: bool = True
