# pyright: strict
# ruff: noqa: PLR1714 - `in` reads better, but pyright narrows the event only by `==`
"""What an application may write. Must type-check; never run."""

from typing import assert_type

from consignease.webhooks import (
    DeletedObjectJSON,
    OrganizationWebhookEvent,
    SessionWebhookEventJSON,
    UnknownEvent,
    UserCreated,
    UserDeleted,
    UserDeletedJSON,
    UserJSON,
    UserUpdated,
    UserWebhookEvent,
    WebhookEvent,
    WebhookEventType,
)


def by_type(event: WebhookEvent) -> str:
    if event.type == "user.created":
        assert_type(event, UserCreated)
        assert_type(event.data, UserJSON)
        return event.data.email_addresses[0].email_address
    if event.type == "user.deleted":
        assert_type(event.data, UserDeletedJSON)
        return event.data.id
    if event.type == "__unknown__":
        assert_type(event, UnknownEvent)
        return event.type_name
    return event.instance_id


def by_several_types(event: WebhookEvent) -> UserJSON | None:
    if event.type == "user.created" or event.type == "user.updated":
        assert_type(event, UserCreated | UserUpdated)
        return event.data
    if event.type == "session.created":
        assert_type(event.data, SessionWebhookEventJSON)
        return event.data.user
    return None


def early_return(event: WebhookEvent) -> str | None:
    if event.type != "user.updated":
        return None
    assert_type(event, UserUpdated)
    return event.data.username


def by_class(event: WebhookEvent) -> int:
    if isinstance(event, UnknownEvent):
        return 0
    return event.timestamp


def the_type_is_known(event: UserWebhookEvent) -> WebhookEventType:
    return event.type


def by_attribute(event: OrganizationWebhookEvent) -> str:
    if event.type == "organization.deleted":
        assert_type(event.data, DeletedObjectJSON)
        return event.data.slug or ""
    return event.data.name


def the_rest_is_a_deletion(event: UserWebhookEvent) -> UserDeleted | None:
    if event.type == "user.created" or event.type == "user.updated":
        return None
    assert_type(event, UserDeleted)
    return event
