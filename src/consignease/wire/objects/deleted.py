"""What is left to say about a deleted object."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import UserId


class DeletedObjectJSON(Struct, frozen=True, kw_only=True):
    """A deleted object. Deleted roles and permissions have types of their own."""

    object: str
    """The kind of thing deleted, such as organization or organization_domain."""
    id: str
    slug: str | UnsetType | None = UNSET
    """Of a deleted organization."""
    deleted: bool = True


class UserDeletedJSON(DeletedObjectJSON, frozen=True, kw_only=True):
    """A deleted user."""

    id: UserId
    external_id: str | UnsetType | None = UNSET
    """The identifier that the application had given the user, if any."""
