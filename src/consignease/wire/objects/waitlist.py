"""The waitlist, and the invitation that ends a wait."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import InvitationId, WaitlistEntryId
from consignease.wire.json import Metadata


class InvitationJSON(Struct, frozen=True, kw_only=True):
    """An invitation to sign up. Times are milliseconds."""

    object: str = "invitation"
    id: InvitationId
    email_address: str
    public_metadata: Metadata | None = None
    """Copied into the user who accepts."""
    revoked: bool | UnsetType = UNSET
    status: str
    """pending, accepted, revoked or expired."""
    url: str | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    created_at: int
    updated_at: int


class WaitlistEntryJSON(Struct, frozen=True, kw_only=True):
    """Somebody waiting to be let in. Times are milliseconds."""

    object: str = "waitlist_entry"
    id: WaitlistEntryId
    email_address: str
    status: str
    """pending, invited, rejected or completed."""
    is_locked: bool = False
    created_at: int
    updated_at: int
    invitation: InvitationJSON | None = None
