"""Events about organizations and what hangs on them."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    DeletedObjectJSON,
    OrganizationDomainJSON,
    OrganizationInvitationAcceptedJSON,
    OrganizationInvitationJSON,
    OrganizationJSON,
    OrganizationMembershipJSON,
)


class OrganizationCreated(Event[OrganizationJSON], frozen=True, tag="organization.created"):
    """An organization came into being."""

    type: ClassVar[Literal["organization.created"]] = "organization.created"


class OrganizationUpdated(Event[OrganizationJSON], frozen=True, tag="organization.updated"):
    """Something about an organization changed."""

    type: ClassVar[Literal["organization.updated"]] = "organization.updated"


class OrganizationDeleted(Event[DeletedObjectJSON], frozen=True, tag="organization.deleted"):
    """An organization was deleted."""

    type: ClassVar[Literal["organization.deleted"]] = "organization.deleted"


class OrganizationDomainCreated(
    Event[OrganizationDomainJSON], frozen=True, tag="organizationDomain.created"
):
    """A domain was added to an organization."""

    type: ClassVar[Literal["organizationDomain.created"]] = "organizationDomain.created"


class OrganizationDomainUpdated(
    Event[OrganizationDomainJSON], frozen=True, tag="organizationDomain.updated"
):
    """A domain was verified or its enrollment mode changed."""

    type: ClassVar[Literal["organizationDomain.updated"]] = "organizationDomain.updated"


class OrganizationDomainDeleted(
    Event[DeletedObjectJSON], frozen=True, tag="organizationDomain.deleted"
):
    """A domain was taken from an organization."""

    type: ClassVar[Literal["organizationDomain.deleted"]] = "organizationDomain.deleted"


class OrganizationMembershipCreated(
    Event[OrganizationMembershipJSON], frozen=True, tag="organizationMembership.created"
):
    """A user joined an organization."""

    type: ClassVar[Literal["organizationMembership.created"]] = "organizationMembership.created"


class OrganizationMembershipUpdated(
    Event[OrganizationMembershipJSON], frozen=True, tag="organizationMembership.updated"
):
    """A member's role or metadata changed."""

    type: ClassVar[Literal["organizationMembership.updated"]] = "organizationMembership.updated"


class OrganizationMembershipDeleted(
    Event[OrganizationMembershipJSON], frozen=True, tag="organizationMembership.deleted"
):
    """A user left an organization, or was removed."""

    type: ClassVar[Literal["organizationMembership.deleted"]] = "organizationMembership.deleted"


class OrganizationInvitationCreated(
    Event[OrganizationInvitationJSON], frozen=True, tag="organizationInvitation.created"
):
    """Somebody was invited into an organization."""

    type: ClassVar[Literal["organizationInvitation.created"]] = "organizationInvitation.created"


class OrganizationInvitationRevoked(
    Event[OrganizationInvitationJSON], frozen=True, tag="organizationInvitation.revoked"
):
    """An invitation into an organization was withdrawn."""

    type: ClassVar[Literal["organizationInvitation.revoked"]] = "organizationInvitation.revoked"


class OrganizationInvitationAccepted(
    Event[OrganizationInvitationAcceptedJSON], frozen=True, tag="organizationInvitation.accepted"
):
    """Somebody took up an invitation into an organization."""

    type: ClassVar[Literal["organizationInvitation.accepted"]] = "organizationInvitation.accepted"


OrganizationWebhookEvent: TypeAlias = (
    OrganizationCreated | OrganizationUpdated | OrganizationDeleted
)

OrganizationDomainWebhookEvent: TypeAlias = (
    OrganizationDomainCreated | OrganizationDomainUpdated | OrganizationDomainDeleted
)

OrganizationMembershipWebhookEvent: TypeAlias = (
    OrganizationMembershipCreated | OrganizationMembershipUpdated | OrganizationMembershipDeleted
)

OrganizationInvitationWebhookEvent: TypeAlias = (
    OrganizationInvitationCreated | OrganizationInvitationRevoked
)

OrganizationInvitationAcceptedWebhookEvent: TypeAlias = OrganizationInvitationAccepted
