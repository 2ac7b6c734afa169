"""Events about roles and permissions."""

from typing import ClassVar, Literal, TypeAlias

from consignease.wire.events.envelope import Event
from consignease.wire.objects import (
    PermissionDeletedJSON,
    PermissionJSON,
    RoleDeletedJSON,
    RoleJSON,
)


class RoleCreated(Event[RoleJSON], frozen=True, tag="role.created"):
    """A role was added."""

    type: ClassVar[Literal["role.created"]] = "role.created"


class RoleUpdated(Event[RoleJSON], frozen=True, tag="role.updated"):
    """A role, or what it allows, changed."""

    type: ClassVar[Literal["role.updated"]] = "role.updated"


class RoleDeleted(Event[RoleDeletedJSON], frozen=True, tag="role.deleted"):
    """A role was deleted."""

    type: ClassVar[Literal["role.deleted"]] = "role.deleted"


class PermissionCreated(Event[PermissionJSON], frozen=True, tag="permission.created"):
    """A permission was added."""

    type: ClassVar[Literal["permission.created"]] = "permission.created"


class PermissionUpdated(Event[PermissionJSON], frozen=True, tag="permission.updated"):
    """A permission changed."""

    type: ClassVar[Literal["permission.updated"]] = "permission.updated"


class PermissionDeleted(Event[PermissionDeletedJSON], frozen=True, tag="permission.deleted"):
    """A permission was deleted."""

    type: ClassVar[Literal["permission.deleted"]] = "permission.deleted"


RoleWebhookEvent: TypeAlias = RoleCreated | RoleUpdated | RoleDeleted

PermissionWebhookEvent: TypeAlias = PermissionCreated | PermissionUpdated | PermissionDeleted
