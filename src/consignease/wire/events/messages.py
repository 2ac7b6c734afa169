"""Events about messages to end users."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    EmailJSON,
    SMSMessageJSON,
)


class EmailCreated(Event[EmailJSON], frozen=True, tag="email.created"):
    """An email was written to somebody."""

    type: ClassVar[Literal["email.created"]] = "email.created"


class SMSCreated(Event[SMSMessageJSON], frozen=True, tag="sms.created"):
    """A text message was written to somebody."""

    type: ClassVar[Literal["sms.created"]] = "sms.created"


EmailWebhookEvent: TypeAlias = EmailCreated

SMSWebhookEvent: TypeAlias = SMSCreated
