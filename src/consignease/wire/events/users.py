"""Events about users."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    UserDeletedJSON,
    UserJSON,
)


class UserCreated(Event[UserJSON], frozen=True, tag="user.created"):
    """A user came into being."""

    type: ClassVar[Literal["user.created"]] = "user.created"


class UserUpdated(Event[UserJSON], frozen=True, tag="user.updated"):
    """Something about a user changed."""

    type: ClassVar[Literal["user.updated"]] = "user.updated"


class UserDeleted(Event[UserDeletedJSON], frozen=True, tag="user.deleted"):
    """A user was deleted."""

    type: ClassVar[Literal["user.deleted"]] = "user.deleted"


UserWebhookEvent: TypeAlias = UserCreated | UserUpdated | UserDeleted
