"""Events about the waitlist."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    WaitlistEntryJSON,
)


class WaitlistEntryCreated(Event[WaitlistEntryJSON], frozen=True, tag="waitlistEntry.created"):
    """Somebody joined the waitlist."""

    type: ClassVar[Literal["waitlistEntry.created"]] = "waitlistEntry.created"


class WaitlistEntryUpdated(Event[WaitlistEntryJSON], frozen=True, tag="waitlistEntry.updated"):
    """An entry was invited, rejected or completed."""

    type: ClassVar[Literal["waitlistEntry.updated"]] = "waitlistEntry.updated"


WaitlistEntryWebhookEvent: TypeAlias = WaitlistEntryCreated | WaitlistEntryUpdated
