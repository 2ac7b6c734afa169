"""Accounts elsewhere that a user signs in with."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import (
    EnterpriseAccountId,
    EnterpriseConnectionId,
    ExternalAccountId,
    SamlAccountId,
)
from consignease.wire.json import Metadata
from consignease.wire.objects.verification import VerificationJSON


class ExternalAccountJSON(Struct, frozen=True, kw_only=True):
    """An account at an OAuth provider."""

    object: str = "external_account"
    """external_account; google_account and facebook_account are older names."""
    id: ExternalAccountId
    external_account_id: str | UnsetType = UNSET
    provider: str
    """For example oauth_google."""
    identification_id: str
    provider_user_id: str
    approved_scopes: str
    """Separated by spaces."""
    email_address: str
    email_address_verified: bool | None = None
    first_name: str
    last_name: str
    avatar_url: str | UnsetType = UNSET
    """Deprecated: see `image_url`."""
    image_url: str | UnsetType | None = UNSET
    username: str | None = None
    phone_number: str | None = None
    public_metadata: Metadata | None = None
    label: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    verification: VerificationJSON | None


class SamlAccountConnectionJSON(Struct, frozen=True, kw_only=True):
    """The SAML connection that an account came through."""

    id: str
    name: str
    domain: str | UnsetType = UNSET
    """Deprecated: see `domains`."""
    domains: list[str] | UnsetType = UNSET
    active: bool
    provider: str
    sync_user_attributes: bool
    allow_subdomains: bool | UnsetType = UNSET
    allow_idp_initiated: bool | UnsetType = UNSET
    disable_additional_identifications: bool | UnsetType = UNSET
    created_at: int
    updated_at: int


class SamlAccountJSON(Struct, frozen=True, kw_only=True):
    """An account at a SAML identity provider; `EnterpriseAccountJSON` is its successor."""

    object: str = "saml_account"
    id: SamlAccountId
    provider: str
    active: bool
    email_address: str
    first_name: str | None = None
    last_name: str | None = None
    provider_user_id: str | None = None
    last_authenticated_at: int | None = None
    public_metadata: Metadata | UnsetType = UNSET
    verification: VerificationJSON | None
    saml_connection: SamlAccountConnectionJSON | None = None


class EnterpriseAccountConnectionJSON(Struct, frozen=True, kw_only=True):
    """The enterprise connection that an account came through."""

    object: str | UnsetType = UNSET
    id: EnterpriseConnectionId
    protocol: str
    """oauth or saml."""
    provider: str
    name: str
    logo_public_url: str | None
    domain: str | UnsetType = UNSET
    """Deprecated: see `domains`."""
    domains: list[str] | UnsetType = UNSET
    active: bool
    sync_user_attributes: bool
    allow_subdomains: bool
    allow_idp_initiated: bool
    disable_additional_identifications: bool
    created_at: int
    updated_at: int


class EnterpriseAccountJSON(Struct, frozen=True, kw_only=True):
    """An account at a company's identity provider."""

    object: str = "enterprise_account"
    id: EnterpriseAccountId
    protocol: str | UnsetType = UNSET
    """oauth or saml."""
    provider: str
    active: bool
    email_address: str
    first_name: str | None = None
    last_name: str | None = None
    provider_user_id: str | None = None
    enterprise_connection_id: EnterpriseConnectionId | None = None
    public_metadata: Metadata | UnsetType = UNSET
    verification: VerificationJSON | None
    enterprise_connection: EnterpriseAccountConnectionJSON | None = None
    last_authenticated_at: int | None = None
