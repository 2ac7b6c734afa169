"""A user's membership of an organization."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import MembershipId, UserId
from consignease.wire.json import Metadata
from consignease.wire.objects.organization import OrganizationJSON


class OrganizationMembershipPublicUserDataJSON(Struct, frozen=True, kw_only=True):
    """What fellow members may know of a user."""

    user_id: UserId
    first_name: str | None
    last_name: str | None
    profile_image_url: str | UnsetType | None = UNSET
    """Deprecated: see `image_url`."""
    image_url: str
    has_image: bool
    identifier: str | None = None
    """An email address, phone number or username."""
    username: str | UnsetType | None = UNSET
    banned: bool | UnsetType = UNSET
    deprovisioned: bool | UnsetType = UNSET


class OrganizationMembershipJSON(Struct, frozen=True, kw_only=True):
    """A membership. Times are milliseconds.

    `organization` is a copy as it was then; in organizationMembership.deleted
    its `members_count` no longer counts this member.
    """

    object: str = "organization_membership"
    id: MembershipId
    role: str
    """A role key, such as org:admin."""
    role_name: str | UnsetType = UNSET
    permissions: list[str]
    """Permission keys, such as org:posts:read."""
    public_metadata: Metadata
    private_metadata: Metadata | UnsetType = UNSET
    organization: OrganizationJSON
    public_user_data: OrganizationMembershipPublicUserDataJSON | None = None
    created_at: int
    updated_at: int
