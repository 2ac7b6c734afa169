"""What a user is known by: email addresses, phone numbers, wallets, passkeys."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import EmailAddressId, PasskeyId, PhoneNumberId, Web3WalletId
from consignease.wire.objects.verification import VerificationJSON


class IdentificationLinkJSON(Struct, frozen=True, kw_only=True):
    """Another identification that vouches for this one."""

    type: str
    """For example oauth_google or saml."""
    id: str
    object: str | UnsetType = UNSET


class EmailAddressJSON(Struct, frozen=True, kw_only=True):
    """One email address of a user. Times are milliseconds."""

    object: str = "email_address"
    id: EmailAddressId
    email_address: str
    reserved: bool = False
    """Held for a sign-up that is not finished."""
    verification: VerificationJSON | None
    linked_to: list[IdentificationLinkJSON]
    matches_sso_connection: bool = False
    created_at: int | None = None
    updated_at: int | None = None


class PhoneNumberJSON(Struct, frozen=True, kw_only=True):
    """One phone number of a user, in E.164 form. Times are milliseconds."""

    object: str = "phone_number"
    id: PhoneNumberId
    phone_number: str
    reserved_for_second_factor: bool = False
    default_second_factor: bool = False
    reserved: bool = False
    """Held for a sign-up that is not finished."""
    verification: VerificationJSON | None
    linked_to: list[IdentificationLinkJSON]
    backup_codes: list[str] | None = None
    created_at: int | None = None
    updated_at: int | None = None


class Web3WalletJSON(Struct, frozen=True, kw_only=True):
    """One blockchain wallet of a user. Times are milliseconds."""

    object: str = "web3_wallet"
    id: Web3WalletId
    web3_wallet: str
    """The wallet's public address."""
    verification: VerificationJSON | None
    created_at: int | None = None
    updated_at: int | None = None


class PasskeyJSON(Struct, frozen=True, kw_only=True):
    """One passkey of a user."""

    object: str = "passkey"
    id: PasskeyId
    name: str
    last_used_at: int | None
    """Milliseconds."""
    verification: VerificationJSON | None
