"""The session."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import ActivityId, ClientId, OrganizationId, SessionId, UserId
from consignease.wire.json import Metadata
from consignease.wire.objects.user import UserJSON


class SessionActivityJSON(Struct, frozen=True, kw_only=True):
    """Where a session was last used from."""

    object: str = "session_activity"
    id: ActivityId
    device_type: str | UnsetType | None = UNSET
    is_mobile: bool
    browser_name: str | UnsetType | None = UNSET
    browser_version: str | UnsetType | None = UNSET
    ip_address: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET


class SessionJSON(Struct, frozen=True, kw_only=True):
    """A session. Times are milliseconds."""

    object: str = "session"
    id: SessionId
    user_id: UserId
    client_id: ClientId
    actor: Metadata | None = None
    """Who acts as the user, when the session is an impersonation."""
    status: str
    """active, pending, revoked, ended, expired, removed, abandoned or replaced."""
    last_active_organization_id: OrganizationId | UnsetType | None = UNSET
    last_active_at: int
    latest_activity: SessionActivityJSON | UnsetType | None = UNSET
    expire_at: int
    """The session ends then, whatever happens."""
    abandon_at: int
    """The session ends then if it is not used."""
    updated_at: int
    created_at: int


class SessionWebhookEventJSON(SessionJSON, frozen=True, kw_only=True):
    """A session with its user, as it was then."""

    user: UserJSON | None = None
