"""An instance: an isolated environment with its own keys, users and endpoints."""

import msgspec

from consignease.wire.ids import AppId, InstanceId


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One instance, as every use case receives it.

    Attributes:
        no: Its number inside the database.
        id: Its public identifier.
        name: ``development`` or ``production``.
        app: Number of its built-in application, which carries identity events.
        app_id: Public identifier of that application.
        frontend_host: The host its publishable key encodes; never changes.
    """

    no: int
    id: InstanceId
    name: str
    app: int
    app_id: AppId
    frontend_host: str

    @property
    def is_development(self) -> bool:
        """Whether comfort goes before strictness here."""
        return self.name == "development"
