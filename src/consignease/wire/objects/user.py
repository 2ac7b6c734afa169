"""The user."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import EmailAddressId, PhoneNumberId, UserId, Web3WalletId
from consignease.wire.json import Metadata
from consignease.wire.objects.account import (
    EnterpriseAccountJSON,
    ExternalAccountJSON,
    SamlAccountJSON,
)
from consignease.wire.objects.identification import (
    EmailAddressJSON,
    PasskeyJSON,
    PhoneNumberJSON,
    Web3WalletJSON,
)
from consignease.wire.objects.membership import OrganizationMembershipJSON


class SCIMUserMetadataJSON(Struct, frozen=True, kw_only=True):
    """Which directory provisions the user."""

    directory_id: str
    directory_enabled: bool | UnsetType = UNSET
    external_id: str | None


class UserJSON(Struct, frozen=True, kw_only=True):
    """A user, whole. All times are milliseconds since 1970."""

    object: str = "user"
    id: UserId
    external_id: str | None
    """The identifier that the application gave the user."""
    primary_email_address_id: EmailAddressId | None
    """Names a member of `email_addresses`."""
    primary_phone_number_id: PhoneNumberId | None
    primary_web3_wallet_id: Web3WalletId | None
    username: str | None
    first_name: str | None
    last_name: str | None
    locale: str | None = None
    timezone: str | None = None
    profile_image_url: str | UnsetType = UNSET
    """Deprecated: see `image_url`."""
    image_url: str = ""
    has_image: bool
    """False while `image_url` is a generated picture."""
    public_metadata: Metadata
    """Readable by everybody, writable by the backend."""
    private_metadata: Metadata | None = None
    """Readable and writable by the backend only."""
    unsafe_metadata: Metadata = {}
    """Readable and writable by the user."""
    email_addresses: list[EmailAddressJSON]
    phone_numbers: list[PhoneNumberJSON]
    web3_wallets: list[Web3WalletJSON]
    passkeys: list[PasskeyJSON] = []
    password_enabled: bool
    two_factor_enabled: bool
    totp_enabled: bool
    backup_code_enabled: bool
    mfa_enabled_at: int | None = None
    mfa_disabled_at: int | None = None
    password_last_updated_at: int | None = None
    external_accounts: list[ExternalAccountJSON]
    saml_accounts: list[SamlAccountJSON] = []
    enterprise_accounts: list[EnterpriseAccountJSON]
    organization_memberships: list[OrganizationMembershipJSON] | None = None
    """None in user events; fetch them if you need them."""
    last_sign_in_at: int | None
    banned: bool
    locked: bool
    """Too many failed sign-ins; see `lockout_expires_in_seconds`."""
    deprovisioned: bool = False
    """Switched off by the company directory; never followed by user.deleted."""
    lockout_expires_in_seconds: int | None
    verification_attempts_remaining: int | None
    updated_at: int
    created_at: int
    delete_self_enabled: bool
    create_organization_enabled: bool
    create_organizations_limit: int | None = None
    """None or 0: no limit."""
    last_active_at: int | None
    legal_accepted_at: int | None
    bypass_client_trust: bool = False
    scim: SCIMUserMetadataJSON | None = None
