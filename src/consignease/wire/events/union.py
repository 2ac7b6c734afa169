"""The union of all events."""

from typing import Final, Literal, TypeAlias, cast, get_args

from msgspec import Struct

from consignease.wire.events.billing import (
    BillingPaymentAttemptWebhookEvent,
    BillingSubscriptionItemWebhookEvent,
    BillingSubscriptionWebhookEvent,
)
from consignease.wire.events.envelope import Event, UnknownEvent
from consignease.wire.events.messages import (
    EmailWebhookEvent,
    SMSWebhookEvent,
)
from consignease.wire.events.organizations import (
    OrganizationDomainWebhookEvent,
    OrganizationInvitationAcceptedWebhookEvent,
    OrganizationInvitationWebhookEvent,
    OrganizationMembershipWebhookEvent,
    OrganizationWebhookEvent,
)
from consignease.wire.events.roles import (
    PermissionWebhookEvent,
    RoleWebhookEvent,
)
from consignease.wire.events.sessions import (
    SessionWebhookEvent,
)
from consignease.wire.events.users import (
    UserWebhookEvent,
)
from consignease.wire.events.waitlist import (
    WaitlistEntryWebhookEvent,
)

KnownWebhookEvent: TypeAlias = (
    UserWebhookEvent
    | SessionWebhookEvent
    | EmailWebhookEvent
    | SMSWebhookEvent
    | OrganizationWebhookEvent
    | OrganizationDomainWebhookEvent
    | OrganizationMembershipWebhookEvent
    | OrganizationInvitationWebhookEvent
    | OrganizationInvitationAcceptedWebhookEvent
    | RoleWebhookEvent
    | PermissionWebhookEvent
    | WaitlistEntryWebhookEvent
    | BillingSubscriptionWebhookEvent
    | BillingSubscriptionItemWebhookEvent
    | BillingPaymentAttemptWebhookEvent
)
"""All events that have a type of their own."""

WebhookEvent: TypeAlias = KnownWebhookEvent | UnknownEvent
"""Whatever `decode_event` can return."""

WebhookEventType: TypeAlias = Literal[
    "user.created",
    "user.updated",
    "user.deleted",
    "session.created",
    "session.pending",
    "session.ended",
    "session.removed",
    "session.revoked",
    "email.created",
    "sms.created",
    "organization.created",
    "organization.updated",
    "organization.deleted",
    "organizationDomain.created",
    "organizationDomain.updated",
    "organizationDomain.deleted",
    "organizationMembership.created",
    "organizationMembership.updated",
    "organizationMembership.deleted",
    "organizationInvitation.created",
    "organizationInvitation.revoked",
    "organizationInvitation.accepted",
    "role.created",
    "role.updated",
    "role.deleted",
    "permission.created",
    "permission.updated",
    "permission.deleted",
    "waitlistEntry.created",
    "waitlistEntry.updated",
    "subscription.created",
    "subscription.updated",
    "subscription.active",
    "subscription.pastDue",
    "subscriptionItem.created",
    "subscriptionItem.updated",
    "subscriptionItem.active",
    "subscriptionItem.canceled",
    "subscriptionItem.upcoming",
    "subscriptionItem.ended",
    "subscriptionItem.abandoned",
    "subscriptionItem.incomplete",
    "subscriptionItem.pastDue",
    "subscriptionItem.freeTrialEnding",
    "paymentAttempt.created",
    "paymentAttempt.updated",
]
"""The names of all known events."""

EVENT_TYPES: Final[tuple[WebhookEventType, ...]] = get_args(WebhookEventType)
"""The same at run time, in the order of the catalogue."""

_CLASSES = cast("tuple[type[KnownWebhookEvent], ...]", get_args(KnownWebhookEvent))

EVENT_CLASSES: Final[dict[WebhookEventType, type[Event[Struct]]]] = {
    event.type: event for event in _CLASSES
}
"""The class of each known event."""
