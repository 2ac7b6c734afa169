"""The verbs of email addresses; each change is a change of the user, with its event."""

from consignease.app import users
from consignease.domain import emails
from consignease.domain.emails import Edit, Wanted
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.user_json import email_json
from consignease.domain.users import User
from consignease.store import users as store
from consignease.store.tx import Tx
from consignease.wire.ids import EmailAddressId, new_id
from consignease.wire.json import dumps
from consignease.wire.objects.deleted import DeletedObjectJSON


def create(tx: Tx, instance: Instance, user_id: str, wanted: Wanted, now: int) -> bytes:
    """Give a user another email address.

    Returns:
        The address as JSON.

    Raises:
        NotFound: there is no user with that id.
        Invalid: it is to be primary and is not verified.
        Conflict: a user has that address already.
    """
    user = users.find(tx, instance, user_id)
    email = emails.make(_new_id(now), wanted.address, wanted.status, now)
    new = emails.add(user, email, primary=wanted.primary, now=now)
    users.save(tx, instance, user, new, now)
    return email_json(email)


def get(tx: Tx, instance: Instance, email_id: str) -> bytes:
    """Return an email address as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    return email_json(emails.find(_owner(tx, instance, email_id), email_id))


def update(tx: Tx, instance: Instance, email_id: str, edit: Edit, now: int) -> bytes:
    """Change an email address; a change that changes nothing emits nothing.

    Returns:
        The address as JSON.

    Raises:
        NotFound: there is none with that id.
        Invalid: the primary address would not be verified.
    """
    user = _owner(tx, instance, email_id)
    new = emails.change(user, email_id, edit, now)
    users.save(tx, instance, user, new, now)
    return email_json(emails.find(new, email_id))


def replace(tx: Tx, instance: Instance, user_id: str, wanted: Wanted, now: int) -> bytes:
    """Replace all email addresses of a user by one, the primary one.

    Returns:
        The address as JSON.

    Raises:
        NotFound: there is no user with that id.
        Conflict: another user has that address.
    """
    user = users.find(tx, instance, user_id)
    new = emails.replace(user, emails.make(_new_id(now), wanted.address, wanted.status, now), now)
    users.save(tx, instance, user, new, now)
    return email_json(new.emails[0])


def delete(tx: Tx, instance: Instance, email_id: str, now: int) -> bytes:
    """Remove an email address.

    Returns:
        What is left to say about it, as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    user = _owner(tx, instance, email_id)
    users.save(tx, instance, user, emails.remove(user, email_id, now), now)
    return dumps(DeletedObjectJSON(object="email_address", id=email_id))


def _owner(tx: Tx, instance: Instance, email_id: str) -> User:
    user_id = store.owner_of_email(tx, instance.no, email_id)
    if user_id is None:
        raise NotFound("not found", detail=f"No email address was found with id {email_id}.")
    return users.find(tx, instance, user_id)


def _new_id(now: int) -> EmailAddressId:
    return EmailAddressId(new_id("idn", now / 1000))
