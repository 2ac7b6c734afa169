# pyright: strict
"""The same with `match`. Must type-check; never run."""

from typing import assert_never, assert_type

from consignease.webhooks import (
    KnownWebhookEvent,
    OrganizationMembershipCreated,
    OrganizationMembershipDeleted,
    OrganizationMembershipJSON,
    UnknownEvent,
    UserCreated,
    UserDeleted,
    UserDeletedJSON,
    UserJSON,
    UserUpdated,
    UserWebhookEvent,
    WebhookEvent,
)


def by_type(event: WebhookEvent) -> str | None:
    match event.type:
        case "user.created" | "user.updated":
            assert_type(event, UserCreated | UserUpdated)
            return event.data.username
        case "user.deleted":
            assert_type(event, UserDeleted)
            return event.data.id
        case "__unknown__":
            assert_type(event, UnknownEvent)
            return event.type_name
        case _:
            return event.instance_id


def by_class(event: WebhookEvent) -> str:
    match event:
        case UserCreated(data=user) | UserUpdated(data=user):
            assert_type(user, UserJSON)
            return user.id
        case UserDeleted():
            assert_type(event.data, UserDeletedJSON)
            return event.data.id
        case OrganizationMembershipCreated() | OrganizationMembershipDeleted():
            assert_type(event.data, OrganizationMembershipJSON)
            return event.data.organization.slug
        case UnknownEvent(type_name=name):
            assert_type(name, str)
            return name
        case _:
            return event.type


def exhaustive(event: UserWebhookEvent) -> str:
    match event:
        case UserCreated() | UserUpdated():
            return event.data.first_name or ""
        case UserDeleted():
            return event.data.id
        case _:
            assert_never(event)


def exhaustive_by_type(event: UserWebhookEvent) -> str:
    if event.type == "user.created":
        return "created"
    if event.type == "user.updated":
        return "updated"
    if event.type == "user.deleted":
        return "deleted"
    assert_never(event)


def known_or_not(event: WebhookEvent) -> KnownWebhookEvent | None:
    match event:
        case UnknownEvent():
            return None
        case _:
            return event
