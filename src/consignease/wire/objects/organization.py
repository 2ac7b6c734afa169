"""The organization and what else hangs on it: domains and invitations."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import (
    OrganizationDomainId,
    OrganizationId,
    OrganizationInvitationId,
    UserId,
)
from consignease.wire.json import Metadata


class OrganizationJSON(Struct, frozen=True, kw_only=True):
    """An organization. Times are milliseconds."""

    object: str = "organization"
    id: OrganizationId
    name: str
    slug: str
    image_url: str | UnsetType = UNSET
    has_image: bool
    members_count: int | UnsetType = UNSET
    missing_member_with_elevated_permissions: bool | UnsetType = UNSET
    pending_invitations_count: int | UnsetType = UNSET
    max_allowed_memberships: int
    """0: no limit."""
    admin_delete_enabled: bool
    public_metadata: Metadata | None
    private_metadata: Metadata | UnsetType = UNSET
    created_by: UserId | UnsetType = UNSET
    created_at: int
    updated_at: int
    last_active_at: int | UnsetType = UNSET
    role_set_key: str | UnsetType | None = UNSET


class PublicOrganizationDataJSON(Struct, frozen=True, kw_only=True):
    """What an outsider may know of an organization."""

    object: str | UnsetType = UNSET
    id: OrganizationId
    name: str
    slug: str
    image_url: str | UnsetType = UNSET
    has_image: bool


class OrganizationDomainVerificationJSON(Struct, frozen=True, kw_only=True):
    """Proof that a domain belongs to an organization."""

    status: str
    """unverified, verified, failed or expired."""
    strategy: str
    """email_code, dns or another."""
    attempts: int | None
    expire_at: int | UnsetType | None = UNSET
    """Milliseconds; sent under both names."""
    expires_at: int | UnsetType | None = UNSET
    """The same as `expire_at`."""
    verified_at: int | UnsetType | None = UNSET


class OrganizationDomainJSON(Struct, frozen=True, kw_only=True):
    """A domain whose people may join an organization. Times are milliseconds."""

    object: str = "organization_domain"
    id: OrganizationDomainId
    organization_id: OrganizationId
    name: str
    enrollment_mode: str
    """manual_invitation, automatic_invitation, automatic_suggestion or enterprise_sso."""
    affiliation_email_address: str | None
    affiliation_verification: OrganizationDomainVerificationJSON | None = None
    ownership_verification: OrganizationDomainVerificationJSON | None = None
    verification: OrganizationDomainVerificationJSON | None
    total_pending_invitations: int
    total_pending_suggestions: int
    public_organization_data: PublicOrganizationDataJSON | None = None
    created_at: int
    updated_at: int


class PublicInviterDataJSON(Struct, frozen=True, kw_only=True):
    """Who sent an invitation."""

    user_id: UserId
    first_name: str | None
    last_name: str | None
    image_url: str
    has_image: bool
    identifier: str


class OrganizationInvitationJSON(Struct, frozen=True, kw_only=True):
    """An invitation into an organization. Times are milliseconds."""

    object: str = "organization_invitation"
    id: OrganizationInvitationId
    email_address: str
    role: str
    """A role key, such as org:member."""
    role_name: str
    organization_id: OrganizationId | UnsetType = UNSET
    public_organization_data: PublicOrganizationDataJSON | None = None
    inviter_id: UserId | None = None
    public_inviter_data: PublicInviterDataJSON | None = None
    status: str | UnsetType = UNSET
    """pending, accepted, revoked or expired."""
    public_metadata: Metadata
    private_metadata: Metadata | UnsetType = UNSET
    url: str | None
    expires_at: int | None
    created_at: int
    updated_at: int


class OrganizationInvitationAcceptedJSON(OrganizationInvitationJSON, frozen=True, kw_only=True):
    """An invitation that somebody took up."""

    user_id: UserId
    """Who joined."""
