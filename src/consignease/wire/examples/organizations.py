"""Example organizations, with members, invitations, domains, roles; and the waitlist."""

from typing import TypeVar

from msgspec import Struct, convert, structs

from consignease.wire.events.union import WebhookEventType
from consignease.wire.examples.common import DAY, HOUR, NOW, example_id, picture
from consignease.wire.examples.people import ADA
from consignease.wire.ids import (
    InvitationId,
    MembershipId,
    OrganizationDomainId,
    OrganizationId,
    OrganizationInvitationId,
    PermissionId,
    RoleId,
    UserId,
    WaitlistEntryId,
)
from consignease.wire.objects import (
    DeletedObjectJSON,
    InvitationJSON,
    OrganizationDomainJSON,
    OrganizationDomainVerificationJSON,
    OrganizationInvitationAcceptedJSON,
    OrganizationInvitationJSON,
    OrganizationJSON,
    OrganizationMembershipJSON,
    OrganizationMembershipPublicUserDataJSON,
    PermissionDeletedJSON,
    PermissionJSON,
    PublicInviterDataJSON,
    PublicOrganizationDataJSON,
    RoleDeletedJSON,
    RoleJSON,
    WaitlistEntryJSON,
)

_StructT = TypeVar("_StructT", bound=Struct)

ORGANIZATION = OrganizationJSON(
    id=OrganizationId(example_id("org", "engine")),
    name="Engine Works",
    slug="engine-works",
    image_url=picture("engine-works"),
    has_image=False,
    members_count=1,
    missing_member_with_elevated_permissions=False,
    pending_invitations_count=0,
    max_allowed_memberships=5,
    admin_delete_enabled=True,
    public_metadata={},
    private_metadata={},
    created_by=ADA.id,
    created_at=NOW,
    updated_at=NOW,
    last_active_at=NOW,
)

_OUTSIDE = PublicOrganizationDataJSON(
    object="organization",
    id=ORGANIZATION.id,
    name=ORGANIZATION.name,
    slug=ORGANIZATION.slug,
    image_url=picture("engine-works"),
    has_image=False,
)

_CHARLES = UserId(example_id("user", "charles"))

_MEMBERSHIP = OrganizationMembershipJSON(
    id=MembershipId(example_id("orgmem", "charles")),
    role="org:member",
    role_name="Member",
    permissions=["org:reports:read"],
    public_metadata={},
    private_metadata={},
    organization=structs.replace(ORGANIZATION, members_count=2),
    public_user_data=OrganizationMembershipPublicUserDataJSON(
        user_id=_CHARLES,
        first_name="Charles",
        last_name="Example",
        profile_image_url=picture("charles"),
        image_url=picture("charles"),
        has_image=False,
        identifier="charles@example.com",
        username=None,
        banned=False,
        deprovisioned=False,
    ),
    created_at=NOW + HOUR,
    updated_at=NOW + HOUR,
)

_INVITATION = OrganizationInvitationJSON(
    id=OrganizationInvitationId(example_id("orginv", "charles")),
    email_address="charles@example.com",
    role="org:member",
    role_name="Member",
    organization_id=ORGANIZATION.id,
    public_organization_data=_OUTSIDE,
    inviter_id=ADA.id,
    public_inviter_data=PublicInviterDataJSON(
        user_id=ADA.id,
        first_name=ADA.first_name,
        last_name=ADA.last_name,
        image_url=ADA.image_url,
        has_image=ADA.has_image,
        identifier=ADA.email_addresses[0].email_address,
    ),
    status="pending",
    public_metadata={},
    private_metadata={},
    url="https://accounts.example.com/invitation",
    expires_at=NOW + 30 * DAY,
    created_at=NOW,
    updated_at=NOW,
)

_DOMAIN = OrganizationDomainJSON(
    id=OrganizationDomainId(example_id("orgdmn", "example.com")),
    organization_id=ORGANIZATION.id,
    name="example.com",
    enrollment_mode="manual_invitation",
    affiliation_email_address=None,
    verification=None,
    total_pending_invitations=0,
    total_pending_suggestions=0,
    public_organization_data=_OUTSIDE,
    created_at=NOW,
    updated_at=NOW,
)

_PROOF = OrganizationDomainVerificationJSON(
    status="verified",
    strategy="email_code",
    attempts=1,
    expire_at=NOW + HOUR,
    expires_at=NOW + HOUR,
    verified_at=NOW + HOUR,
)

_PERMISSION = PermissionJSON(
    id=PermissionId(example_id("perm", "read")),
    name="Read reports",
    key="org:reports:read",
    description="Open and download reports",
    type="user",
    created_at=NOW,
    updated_at=NOW,
)

_ROLE = RoleJSON(
    id=RoleId(example_id("role", "auditor")),
    name="Auditor",
    key="org:auditor",
    description="Reads everything, changes nothing",
    is_creator_eligible=False,
    permissions=[_PERMISSION],
    created_at=NOW,
    updated_at=NOW,
)

_ENTRY = WaitlistEntryJSON(
    id=WaitlistEntryId(example_id("wle", "grace")),
    email_address="grace@example.com",
    status="pending",
    created_at=NOW,
    updated_at=NOW,
)

_TICKET = InvitationJSON(
    id=InvitationId(example_id("inv", "grace")),
    email_address=_ENTRY.email_address,
    public_metadata={},
    revoked=False,
    status="pending",
    url="https://accounts.example.com/sign-up",
    expires_at=NOW + 30 * DAY,
    created_at=NOW + DAY,
    updated_at=NOW + DAY,
)


def _copy(to: type[_StructT], of: Struct, **more: str) -> _StructT:
    return convert(structs.asdict(of) | more, to)


ORGANIZATIONS: dict[WebhookEventType, Struct] = {
    "organization.created": ORGANIZATION,
    "organization.updated": structs.replace(
        ORGANIZATION, public_metadata={"plan": "team"}, updated_at=NOW + DAY
    ),
    "organization.deleted": DeletedObjectJSON(
        object="organization", id=ORGANIZATION.id, slug=ORGANIZATION.slug
    ),
    "organizationDomain.created": _DOMAIN,
    "organizationDomain.updated": structs.replace(
        _DOMAIN,
        enrollment_mode="automatic_invitation",
        affiliation_email_address=ADA.email_addresses[0].email_address,
        affiliation_verification=_PROOF,
        verification=_PROOF,
        updated_at=NOW + HOUR,
    ),
    "organizationDomain.deleted": DeletedObjectJSON(object="organization_domain", id=_DOMAIN.id),
    "organizationMembership.created": _MEMBERSHIP,
    "organizationMembership.updated": structs.replace(
        _MEMBERSHIP, role="org:admin", role_name="Admin", updated_at=NOW + DAY
    ),
    "organizationMembership.deleted": structs.replace(_MEMBERSHIP, organization=ORGANIZATION),
    "organizationInvitation.created": _INVITATION,
    "organizationInvitation.revoked": structs.replace(
        _INVITATION, status="revoked", url=None, updated_at=NOW + HOUR
    ),
    "organizationInvitation.accepted": _copy(
        OrganizationInvitationAcceptedJSON,
        structs.replace(_INVITATION, status="accepted", url=None, updated_at=NOW + HOUR),
        user_id=_CHARLES,
    ),
    "role.created": _ROLE,
    "role.updated": structs.replace(_ROLE, name="Reviewer", updated_at=NOW + DAY),
    "role.deleted": _copy(RoleDeletedJSON, _ROLE),
    "permission.created": _PERMISSION,
    "permission.updated": structs.replace(
        _PERMISSION, description="Open, download and share reports", updated_at=NOW + DAY
    ),
    "permission.deleted": _copy(PermissionDeletedJSON, _PERMISSION),
    "waitlistEntry.created": _ENTRY,
    "waitlistEntry.updated": structs.replace(
        _ENTRY, status="invited", invitation=_TICKET, updated_at=NOW + DAY
    ),
}
"""The data of each event about an organization, a role or the waitlist."""
