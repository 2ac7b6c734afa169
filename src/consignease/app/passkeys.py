"""The verbs of passkeys, each one unit of work; every change leaves a line in the audit log."""

from collections.abc import Sequence

from consignease.app import admins
from consignease.app.admins import Entry
from consignease.domain import passkeys as rules
from consignease.domain.admins import Admin, Session
from consignease.domain.faults import Conflict, NotFound
from consignease.domain.passkeys import Passkey, Registered
from consignease.domain.tries import Key
from consignease.store import admins as store_admins
from consignease.store import passkeys as store
from consignease.store.tx import Tx


def of(tx: Tx, admin: int) -> list[Passkey]:
    """Return the passkeys of an administrator, oldest first."""
    return store.of(tx, admin)


def owner(tx: Tx, credential: bytes) -> tuple[Passkey, Admin] | None:
    """Return a passkey and whose it is; None if nobody has it."""
    found = store.find(tx, credential)
    admin = None if found is None else store_admins.get(tx, found.admin)
    return None if found is None or admin is None else (found, admin)


def add(tx: Tx, admin: int, made: Registered, name: str, entry: Entry) -> None:
    """Add a passkey.

    Raises:
        NotFound: the administrator is gone.
        Conflict: there are too many, or somebody has this one already.
    """
    if store_admins.get(tx, admin) is None:
        raise NotFound("There is no such administrator.")
    rules.check_room(len(store.of(tx, admin)))
    if not store.add(tx, admin, made, name, entry.at):
        raise Conflict("This passkey is in use already.", param="passkey_name")
    admins.note(tx, entry)


def remove(tx: Tx, admin: int, no: int, entry: Entry) -> None:
    """Remove a passkey.

    Raises:
        NotFound: the administrator has no such passkey.
        Forbidden: it is the only way in.
    """
    me = store_admins.get(tx, admin)
    if me is None or no not in {one.no for one in store.of(tx, admin)}:
        raise NotFound("There is no such passkey.")
    rules.check_removal(password=me.password_digest is not None, count=me.passkeys)
    store.drop(tx, no, admin)
    admins.note(tx, entry)


def sign_in(
    tx: Tx, passkey: Passkey, count: int, session: Session, tried: Sequence[Key], entry: Entry
) -> None:
    """Open a session for whoever has proved to hold a passkey.

    Args:
        tx: The transaction.
        passkey: The passkey, as it was when the proof was checked.
        count: What its counter says now.
        session: The session.
        tried: What the tries that led here were counted by.
        entry: For the audit log.

    Raises:
        NotFound: it was removed meanwhile.
        Forbidden: its counter went back.
    """
    now = store.find(tx, passkey.credential)
    if now is None or now.no != passkey.no:
        raise NotFound("This passkey was removed.")
    rules.check_count(now.sign_count, count)
    store.used(tx, now.no, count, entry.at)
    admins.sign_in(tx, now.admin, session, 0, tried, entry)
