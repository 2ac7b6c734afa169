"""Example users and what belongs to them: sessions, emails, text messages."""

from msgspec import Struct, structs

from consignease.wire.events.union import WebhookEventType
from consignease.wire.examples.common import DAY, HOUR, MINUTE, NOW, example_id, picture
from consignease.wire.ids import (
    ActivityId,
    ClientId,
    EmailAddressId,
    EmailId,
    PhoneNumberId,
    SessionId,
    SMSMessageId,
    UserId,
)
from consignease.wire.objects import (
    EmailAddressJSON,
    EmailJSON,
    PhoneNumberJSON,
    SessionActivityJSON,
    SessionWebhookEventJSON,
    SMSMessageJSON,
    UserDeletedJSON,
    UserJSON,
    VerificationJSON,
)

_EMAIL = EmailAddressJSON(
    id=EmailAddressId(example_id("idn", "ada email")),
    email_address="ada@example.com",
    reserved=False,
    verification=VerificationJSON(
        object="verification_otp",
        status="verified",
        strategy="email_code",
        attempts=1,
        expire_at=NOW + 10 * MINUTE,
    ),
    linked_to=[],
    created_at=NOW,
    updated_at=NOW,
)

_PHONE = PhoneNumberJSON(
    id=PhoneNumberId(example_id("idn", "ada phone")),
    phone_number="+12025550123",
    verification=VerificationJSON(
        object="verification_otp",
        status="verified",
        strategy="phone_code",
        attempts=1,
        expire_at=NOW + DAY + 10 * MINUTE,
        channel="sms",
    ),
    linked_to=[],
    backup_codes=[],
    created_at=NOW + DAY,
    updated_at=NOW + DAY,
)

ADA = UserJSON(
    id=UserId(example_id("user", "ada")),
    external_id=None,
    primary_email_address_id=_EMAIL.id,
    primary_phone_number_id=None,
    primary_web3_wallet_id=None,
    username=None,
    first_name="Ada",
    last_name="Example",
    profile_image_url=picture("ada"),
    image_url=picture("ada"),
    has_image=False,
    public_metadata={},
    private_metadata={},
    unsafe_metadata={},
    email_addresses=[_EMAIL],
    phone_numbers=[],
    web3_wallets=[],
    password_enabled=True,
    two_factor_enabled=False,
    totp_enabled=False,
    backup_code_enabled=False,
    password_last_updated_at=NOW,
    external_accounts=[],
    enterprise_accounts=[],
    last_sign_in_at=NOW,
    banned=False,
    locked=False,
    lockout_expires_in_seconds=None,
    verification_attempts_remaining=100,
    updated_at=NOW,
    created_at=NOW,
    delete_self_enabled=True,
    create_organization_enabled=True,
    last_active_at=NOW,
    legal_accepted_at=NOW,
)
"""Just signed up with an email code."""

_ADA_LATER = structs.replace(
    ADA,
    external_id="customer-1815",
    primary_phone_number_id=_PHONE.id,
    username="ada",
    public_metadata={"plan": "pro", "seats": 3},
    phone_numbers=[_PHONE],
    updated_at=NOW + DAY,
    last_active_at=NOW + DAY,
)

_SESSION = SessionWebhookEventJSON(
    id=SessionId(example_id("sess", "ada")),
    user_id=ADA.id,
    client_id=ClientId(example_id("client", "ada")),
    status="active",
    last_active_at=NOW,
    latest_activity=SessionActivityJSON(
        id=ActivityId(example_id("activity", "ada")),
        device_type="Macintosh",
        is_mobile=False,
        browser_name="Firefox",
        browser_version="146.0",
        ip_address="203.0.113.7",
        city="London",
        country="GB",
    ),
    expire_at=NOW + 7 * DAY,
    abandon_at=NOW + 30 * DAY,
    updated_at=NOW,
    created_at=NOW,
    user=ADA,
)


def _session_now(status: str) -> SessionWebhookEventJSON:
    return structs.replace(_SESSION, status=status, updated_at=NOW + HOUR)


_CODE_MAIL = EmailJSON(
    id=EmailId(example_id("ema", "ada")),
    slug="verification_code",
    from_email_name="notifications",
    reply_to_email_name=None,
    to_email_address=_EMAIL.email_address,
    email_address_id=_EMAIL.id,
    user_id=ADA.id,
    subject="424242 is your Example App code",
    body="<html><body><p>Your code is <b>424242</b>.</p></body></html>",
    body_plain="Your code is 424242.\n",
    status="queued",
    data={
        "app": {
            "name": "Example App",
            "domain_name": "example.com",
            "logo_image_url": None,
            "logo_url": None,
            "url": "https://accounts.example.com",
        },
        "otp_code": "424242",
        "requested_at": "1 January 2026, 09:00 UTC",
        "requested_by": "Firefox, macOS",
        "theme": {
            "primary_color": "#335bf1",
            "button_text_color": "#ffffff",
            "show_clerk_branding": False,
        },
        "user": {"public_metadata": {}},
    },
    delivered_by_clerk=True,
)

_CODE_SMS = SMSMessageJSON(
    id=SMSMessageId(example_id("sms", "ada")),
    slug="verification_code",
    from_phone_number="+12025550100",
    to_phone_number=_PHONE.phone_number,
    phone_number_id=_PHONE.id,
    user_id=ADA.id,
    message="424242 is your Example App code",
    status="queued",
    data={},
    delivered_by_clerk=True,
    created_at_ms=NOW + DAY,
    created_at=NOW + DAY,
)

PEOPLE: dict[WebhookEventType, Struct] = {
    "user.created": ADA,
    "user.updated": _ADA_LATER,
    "user.deleted": UserDeletedJSON(object="user", id=ADA.id, external_id="customer-1815"),
    "session.created": _SESSION,
    "session.pending": structs.replace(_SESSION, status="pending"),
    "session.ended": _session_now("ended"),
    "session.removed": _session_now("removed"),
    "session.revoked": _session_now("revoked"),
    "email.created": _CODE_MAIL,
    "sms.created": _CODE_SMS,
}
"""The data of each event about a user."""
