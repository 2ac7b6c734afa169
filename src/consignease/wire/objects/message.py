"""Messages to end users. Their bodies hold codes and links: do not log them."""

from msgspec import UNSET, Struct, UnsetType

from consignease.wire.ids import (
    EmailAddressId,
    EmailId,
    PhoneNumberId,
    SMSMessageId,
    UserId,
)
from consignease.wire.json import Metadata


class EmailJSON(Struct, frozen=True, kw_only=True):
    """An email to one person."""

    object: str = "email"
    id: EmailId
    slug: str | UnsetType | None = UNSET
    """The template, such as verification_code."""
    from_email_name: str
    """What stands before the @ of the sender."""
    reply_to_email_name: str | UnsetType | None = UNSET
    to_email_address: str | UnsetType | None = UNSET
    email_address_id: EmailAddressId | None = None
    user_id: UserId | UnsetType | None = UNSET
    """None while the user is still signing up."""
    subject: str | UnsetType | None = UNSET
    body: str | UnsetType | None = UNSET
    """HTML."""
    body_plain: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    """For example queued."""
    data: Metadata | UnsetType | None = UNSET
    """What the template was filled with: otp_code, app, user, theme, ..."""
    delivered_by_clerk: bool
    """False: the application is expected to send it itself."""
    suppression_reason: str | UnsetType | None = UNSET


class SMSMessageJSON(Struct, frozen=True, kw_only=True):
    """A text message to one phone number."""

    object: str = "sms_message"
    id: SMSMessageId
    slug: str | UnsetType | None = UNSET
    """The template, such as verification_code."""
    from_phone_number: str
    to_phone_number: str
    phone_number_id: PhoneNumberId | None = None
    user_id: UserId | UnsetType | None = UNSET
    message: str
    """The text, with its code."""
    status: str
    """For example queued."""
    data: Metadata | UnsetType | None = UNSET
    delivered_by_clerk: bool
    """False: the application is expected to send it itself."""
    created_at_ms: int | UnsetType = UNSET
    """Milliseconds; sent under both names."""
    created_at: int | UnsetType = UNSET
    """The same as `created_at_ms`."""
