# pyright: strict
"""What must be refused: each line says which rule of mypy and of pyright it breaks."""

from typing import assert_never

from consignease.webhooks import (
    UserCreated,
    UserUpdated,
    UserWebhookEvent,
    WebhookEvent,
    WebhookEventType,
)


def not_narrowed(event: WebhookEvent) -> None:
    print(event.data.email_addresses)  # bad: union-attr reportAttributeAccessIssue


def narrowed_to_the_wrong_one(event: WebhookEvent) -> None:
    if event.type == "user.deleted":
        print(event.data.email_addresses)  # bad: attr-defined reportAttributeAccessIssue


def misspelt(event: WebhookEvent) -> bool:
    return event.type == "user.create"  # bad: comparison-overlap reportUnnecessaryComparison


def unknown_data_is_anything(event: WebhookEvent) -> None:
    if event.type == "__unknown__":
        print(event.data["id"])  # bad: index reportIndexIssue


def an_unknown_event_may_have_no_time(event: WebhookEvent) -> int:
    return event.timestamp + 1  # bad: operator reportOptionalOperand


def an_unknown_event_has_no_known_type(event: WebhookEvent) -> WebhookEventType:
    return event.type  # bad: return-value reportReturnType


def not_exhaustive(event: UserWebhookEvent) -> str:
    match event:
        case UserCreated() | UserUpdated():
            return event.data.id
        case _:
            assert_never(event)  # bad: arg-type reportArgumentType


def a_name_can_be_missing(event: UserCreated) -> str:
    return event.data.first_name.upper()  # bad: union-attr reportOptionalMemberAccess
