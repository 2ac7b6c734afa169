"""The verbs of a portal's looks: read, and changed with a line in the audit log."""

import msgspec

from consignease.app import admins
from consignease.app.admins import Entry
from consignease.domain.brand import Brand
from consignease.domain.instances import Instance
from consignease.store import applications, instance_settings
from consignease.store.tx import Tx

_NAME = "portal"


def get(tx: Tx, instance: Instance) -> Brand:
    """Return how an instance's portal looks."""
    return _get(tx, instance.no)


def _get(tx: Tx, instance: int) -> Brand:
    found = instance_settings.get(tx, instance).get(_NAME)
    return Brand() if found is None else msgspec.json.decode(found, type=Brand)


def of_application(tx: Tx, app_id: str) -> Brand | None:
    """Return how the portal of the application with that id looks; None if there is none."""
    instance = applications.instance_of(tx, app_id)
    return None if instance is None else _get(tx, instance)


def put(tx: Tx, instance: Instance, brand: Brand, entry: Entry) -> None:
    """Keep how it is to look from now on."""
    text = msgspec.json.encode(brand).decode()
    instance_settings.put(tx, instance.no, {_NAME: text})
    admins.note(tx, entry)
