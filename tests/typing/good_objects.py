# pyright: strict
"""Reading and making payloads. Must type-check; never run."""

from typing import assert_type

from consignease.webhooks import (
    EmailAddressJSON,
    Sync,
    UserDeleted,
    UserDeletedJSON,
    UserJSON,
    VerificationJSON,
    WebhookEvent,
)
from consignease.wire.ids import EmailAddressId, InstanceId, UserId


def primary(user: UserJSON) -> EmailAddressJSON | None:
    wanted = user.primary_email_address_id
    return next((email for email in user.email_addresses if email.id == wanted), None)


def plan(user: UserJSON) -> str:
    chosen = user.public_metadata.get("plan")
    return chosen if isinstance(chosen, str) else "free"


def version(event: WebhookEvent) -> int | None:
    return event.sync.version if event.sync else None


def address(event: WebhookEvent) -> str | None:
    attributes = event.event_attributes
    request = attributes.http_request if attributes else None
    return request.client_ip if request else None


def make() -> UserDeleted:
    data = UserDeletedJSON(object="user", id=UserId("user_1"))
    assert_type(data.id, UserId)
    sync = Sync(cursor=1, version=2)
    return UserDeleted(data=data, timestamp=1, instance_id=InstanceId("ins_1"), sync=sync)


def make_email() -> EmailAddressJSON:
    proof = VerificationJSON(status="verified", strategy="admin", attempts=None)
    return EmailAddressJSON(
        id=EmailAddressId("idn_1"), email_address="a@example.com", verification=proof, linked_to=[]
    )
