"""The verbs of email addresses and phone numbers.

Each change is a change of the user, with its event.
"""

from consignease.app import users
from consignease.domain import user_identifications as rules
from consignease.domain.faults import NotFound
from consignease.domain.identifications import Kind
from consignease.domain.instances import Instance
from consignease.domain.user_identifications import Edit, Wanted
from consignease.domain.user_json import identification_json
from consignease.domain.users import User, identifications
from consignease.store import identifications as store
from consignease.store.tx import Tx
from consignease.wire.ids import new_id
from consignease.wire.json import dumps
from consignease.wire.objects.deleted import DeletedObjectJSON


def create(tx: Tx, instance: Instance, kind: Kind, user_id: str, wanted: Wanted, now: int) -> bytes:
    """Give a user another identification.

    Returns:
        The identification as JSON.

    Raises:
        NotFound: there is no user with that id.
        Invalid: it is to be primary or a second factor, and is not verified.
        Conflict: a user has it already.
    """
    user = users.find(tx, instance, user_id)
    made = _new_id(now)
    new = rules.add(kind, user, made, wanted, now)
    users.save(tx, instance, user, new, now)
    return identification_json(rules.find(kind, new, made))


def get(tx: Tx, instance: Instance, kind: Kind, wanted_id: str) -> bytes:
    """Return an identification as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    return identification_json(rules.find(kind, _owner(tx, instance, kind, wanted_id), wanted_id))


def update(tx: Tx, instance: Instance, kind: Kind, changed_id: str, edit: Edit, now: int) -> bytes:
    """Change an identification; a change that changes nothing emits nothing.

    Returns:
        The identification as JSON.

    Raises:
        NotFound: there is none with that id.
        Invalid: the primary one or a second factor would not be verified.
    """
    user = _owner(tx, instance, kind, changed_id)
    new = rules.change(kind, user, changed_id, edit, now)
    users.save(tx, instance, user, new, now)
    return identification_json(rules.find(kind, new, changed_id))


def replace(
    tx: Tx, instance: Instance, kind: Kind, user_id: str, wanted: Wanted, now: int
) -> bytes:
    """Replace all of a user's identifications of a kind by one, the primary one.

    Returns:
        The identification as JSON.

    Raises:
        NotFound: there is no user with that id.
        Conflict: another user has it.
    """
    user = users.find(tx, instance, user_id)
    new = rules.replace(kind, user, _new_id(now), wanted, now)
    users.save(tx, instance, user, new, now)
    return identification_json(identifications(new, kind)[0])


def delete(tx: Tx, instance: Instance, kind: Kind, removed_id: str, now: int) -> bytes:
    """Remove an identification.

    Returns:
        What is left to say about it, as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    user = _owner(tx, instance, kind, removed_id)
    users.save(tx, instance, user, rules.remove(kind, user, removed_id, now), now)
    return dumps(DeletedObjectJSON(object=kind.name, id=removed_id))


def _owner(tx: Tx, instance: Instance, kind: Kind, wanted_id: str) -> User:
    user_id = store.owner(tx, instance.no, kind, wanted_id)
    if user_id is None:
        raise NotFound("not found", detail=f"No {kind.words} was found with id {wanted_id}.")
    return users.find(tx, instance, user_id)


def _new_id(now: int) -> str:
    return new_id("idn", now / 1000)
