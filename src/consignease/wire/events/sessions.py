"""Events about sessions."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    SessionWebhookEventJSON,
)


class SessionCreated(Event[SessionWebhookEventJSON], frozen=True, tag="session.created"):
    """A session began."""

    type: ClassVar[Literal["session.created"]] = "session.created"


class SessionPending(Event[SessionWebhookEventJSON], frozen=True, tag="session.pending"):
    """A session waits for a task, such as choosing an organization."""

    type: ClassVar[Literal["session.pending"]] = "session.pending"


class SessionEnded(Event[SessionWebhookEventJSON], frozen=True, tag="session.ended"):
    """The user signed out."""

    type: ClassVar[Literal["session.ended"]] = "session.ended"


class SessionRemoved(Event[SessionWebhookEventJSON], frozen=True, tag="session.removed"):
    """A session was removed from its client."""

    type: ClassVar[Literal["session.removed"]] = "session.removed"


class SessionRevoked(Event[SessionWebhookEventJSON], frozen=True, tag="session.revoked"):
    """A session was revoked, from another device or by the backend."""

    type: ClassVar[Literal["session.revoked"]] = "session.revoked"


SessionWebhookEvent: TypeAlias = (
    SessionCreated | SessionPending | SessionEnded | SessionRemoved | SessionRevoked
)
