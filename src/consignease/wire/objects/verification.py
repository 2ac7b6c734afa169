"""How an identifier was proved to belong to its user."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.json import Metadata


class ClerkErrorJSON(Struct, frozen=True, kw_only=True):
    """Why a verification failed."""

    message: str
    """A sentence for developers."""
    long_message: str
    """A sentence for the end user."""
    code: str
    """A stable name, such as ``form_code_incorrect``."""
    meta: Metadata | UnsetType | None = UNSET


class VerificationJSON(Struct, frozen=True, kw_only=True):
    """All kinds of verification in one type; `strategy` tells them apart.

    Which of the optional members are present depends on the kind. `object`
    names it: verification_otp, _admin, _email_link, _ticket, _from_oauth,
    _oauth, _google_one_tap, _saml, _scim, _web3 or _passkey.
    """

    object: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    """Declared by the vendor's types, never seen in a payload."""
    status: str
    """unverified, verified, transferable, failed or expired."""
    strategy: str
    """email_code, email_link, phone_code, admin, ticket, oauth_google, saml, scim, ..."""
    attempts: int | None
    expire_at: int | None = None
    """When the challenge ends, in milliseconds."""
    channel: str | UnsetType | None = UNSET
    """How a code was sent, such as sms or whatsapp."""
    verified_at_client: str | UnsetType | None = UNSET
    external_verification_redirect_url: str | UnsetType | None = UNSET
    error: ClerkErrorJSON | UnsetType | None = UNSET
    nonce: str | UnsetType | None = UNSET
    """The challenge that a wallet or passkey signs."""
    message: str | UnsetType | None = UNSET
    """The text that a wallet signs."""
