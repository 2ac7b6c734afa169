"""Every payload of an event, one noun a file.

Reading is tolerant: unknown members are ignored and lists of known values are
only documentation. A type with `None` means that the member may be null (or
left out); one with `UnsetType` that it may be left out, which reads as `UNSET`
and is written as nothing. `UNSET` counts as false.

Sources: the vendor's public webhook description of 2025-04-15 and the types of
its JavaScript SDK 3.25; every member of either is here.
"""

from consignease.wire.objects.account import (
    EnterpriseAccountConnectionJSON,
    EnterpriseAccountJSON,
    ExternalAccountJSON,
    SamlAccountConnectionJSON,
    SamlAccountJSON,
)
from consignease.wire.objects.billing import (
    BillingCreditJSON,
    BillingCreditsJSON,
    BillingMoneyAmountJSON,
    BillingPayeeJSON,
    BillingPayerCreditJSON,
    BillingPayerJSON,
    BillingPaymentAttemptWebhookEventJSON,
    BillingPaymentFailedReasonJSON,
    BillingPaymentSourceJSON,
    BillingPlanJSON,
    BillingPriceTierJSON,
    BillingSeatsJSON,
    BillingSubscriptionItemWebhookEventJSON,
    BillingSubscriptionWebhookEventJSON,
    BillingTotalsJSON,
    BillingUnitPriceJSON,
    BillingUnitTotalJSON,
)
from consignease.wire.objects.deleted import (
    DeletedObjectJSON,
    UserDeletedJSON,
)
from consignease.wire.objects.identification import (
    EmailAddressJSON,
    IdentificationLinkJSON,
    PasskeyJSON,
    PhoneNumberJSON,
    Web3WalletJSON,
)
from consignease.wire.objects.membership import (
    OrganizationMembershipJSON,
    OrganizationMembershipPublicUserDataJSON,
)
from consignease.wire.objects.message import (
    EmailJSON,
    SMSMessageJSON,
)
from consignease.wire.objects.organization import (
    OrganizationDomainJSON,
    OrganizationDomainVerificationJSON,
    OrganizationInvitationAcceptedJSON,
    OrganizationInvitationJSON,
    OrganizationJSON,
    PublicInviterDataJSON,
    PublicOrganizationDataJSON,
)
from consignease.wire.objects.role import (
    PermissionDeletedJSON,
    PermissionJSON,
    RoleDeletedJSON,
    RoleJSON,
)
from consignease.wire.objects.session import (
    SessionActivityJSON,
    SessionJSON,
    SessionWebhookEventJSON,
)
from consignease.wire.objects.user import (
    SCIMUserMetadataJSON,
    UserJSON,
)
from consignease.wire.objects.verification import (
    ClerkErrorJSON,
    VerificationJSON,
)
from consignease.wire.objects.waitlist import (
    InvitationJSON,
    WaitlistEntryJSON,
)

__all__ = [
    "BillingCreditJSON",
    "BillingCreditsJSON",
    "BillingMoneyAmountJSON",
    "BillingPayeeJSON",
    "BillingPayerCreditJSON",
    "BillingPayerJSON",
    "BillingPaymentAttemptWebhookEventJSON",
    "BillingPaymentFailedReasonJSON",
    "BillingPaymentSourceJSON",
    "BillingPlanJSON",
    "BillingPriceTierJSON",
    "BillingSeatsJSON",
    "BillingSubscriptionItemWebhookEventJSON",
    "BillingSubscriptionWebhookEventJSON",
    "BillingTotalsJSON",
    "BillingUnitPriceJSON",
    "BillingUnitTotalJSON",
    "ClerkErrorJSON",
    "DeletedObjectJSON",
    "EmailAddressJSON",
    "EmailJSON",
    "EnterpriseAccountConnectionJSON",
    "EnterpriseAccountJSON",
    "ExternalAccountJSON",
    "IdentificationLinkJSON",
    "InvitationJSON",
    "OrganizationDomainJSON",
    "OrganizationDomainVerificationJSON",
    "OrganizationInvitationAcceptedJSON",
    "OrganizationInvitationJSON",
    "OrganizationJSON",
    "OrganizationMembershipJSON",
    "OrganizationMembershipPublicUserDataJSON",
    "PasskeyJSON",
    "PermissionDeletedJSON",
    "PermissionJSON",
    "PhoneNumberJSON",
    "PublicInviterDataJSON",
    "PublicOrganizationDataJSON",
    "RoleDeletedJSON",
    "RoleJSON",
    "SCIMUserMetadataJSON",
    "SMSMessageJSON",
    "SamlAccountConnectionJSON",
    "SamlAccountJSON",
    "SessionActivityJSON",
    "SessionJSON",
    "SessionWebhookEventJSON",
    "UserDeletedJSON",
    "UserJSON",
    "VerificationJSON",
    "WaitlistEntryJSON",
    "Web3WalletJSON",
]
