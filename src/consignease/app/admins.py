"""The verbs of administrators, each one unit of work; every one leaves a line in the audit log."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from consignease.app import tries
from consignease.domain import admins as rules
from consignease.domain.admins import Admin, Session
from consignease.domain.faults import Conflict, Forbidden, Invalid, NotFound
from consignease.domain.tries import Key
from consignease.store import admins as store
from consignease.store.tx import Tx

T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True):
    """One line of the audit log.

    Attributes:
        who: The address of the administrator.
        ip: Where the request came from.
        action: Such as ``endpoint.create``.
        target: What it was done to.
        detail: What else there is to know; never a secret.
        instance: Name of the instance; None if it is about none.
        at: Milliseconds.
    """

    who: str
    ip: str
    action: str
    target: str
    detail: str
    instance: str | None
    at: int


class NewAdmin(msgspec.Struct, frozen=True, kw_only=True):
    """An administrator to be: checked, the password hashed."""

    id: str
    email: str
    name: str
    role: str
    password_digest: str | None = None
    invite_hash: str | None = None
    invite_expires_at: int | None = None


def token_hash(token: str) -> str:
    """Return what is kept of a session's or an invitation's token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_session(token: str, ip: str, user_agent: str, now: int) -> Session:
    """Make the session that a token opens."""
    return Session(token_hash(token), ip, user_agent[:256], now, now, now + rules.SESSION_MS)


def noted(tx: Tx, entry: Entry, fn: Callable[..., T], *args: Any) -> T:
    """Run a unit of work and write a line to the audit log; both commit or neither."""
    result = fn(tx, *args)
    note(tx, entry)
    return result


def note(tx: Tx, entry: Entry) -> None:
    """Write a line to the audit log."""
    store.note(
        tx,
        (
            entry.at,
            entry.instance,
            entry.who,
            entry.ip,
            entry.action,
            entry.target,
            entry.detail,
        ),
    )


def notes(tx: Tx, before: int, limit: int) -> list[dict[str, Any]]:
    """Return lines of the audit log, newest first."""
    return store.notes(tx, before, limit)


def is_set_up(tx: Tx) -> bool:
    """Tell whether there is an administrator."""
    return store.any_of_them(tx)


def everyone(tx: Tx) -> list[Admin]:
    """Return all administrators, oldest first."""
    return store.all_of_them(tx)


def set_up(tx: Tx, new: NewAdmin, session: Session, entry: Entry) -> None:
    """Add the first administrator and sign it in.

    Raises:
        Conflict: there is one already.
    """
    if store.any_of_them(tx):
        raise Conflict("The Dashboard was set up already: sign in.", code="set_up_already")
    no = store.insert(tx, {**msgspec.structs.asdict(new), "now": entry.at})
    store.signed_in(tx, no, 0, entry.at)
    store.add_session(tx, no, session)
    note(tx, entry)


def invite(tx: Tx, new: NewAdmin, entry: Entry) -> None:
    """Add an administrator who still has to choose a password.

    Raises:
        Conflict: the address is taken.
    """
    if store.by_email(tx, new.email) is not None:
        raise Conflict("An administrator has this address already.", param="email")
    store.insert(tx, {**msgspec.structs.asdict(new), "now": entry.at})
    note(tx, entry)


def invited(tx: Tx, token: str, now: int) -> Admin | None:
    """Return whom an invitation is for; None if it is not, or no longer, one."""
    return store.by_invite(tx, token_hash(token), now)


def accept(tx: Tx, token: str, digest: str, session: Session, entry: Entry) -> None:
    """Accept an invitation: keep the password and sign in.

    Raises:
        NotFound: the invitation is over.
    """
    admin = store.by_invite(tx, token_hash(token), entry.at)
    if admin is None:
        raise NotFound("This invitation is over: ask for another.")
    store.set_password(tx, admin.no, digest)
    store.signed_in(tx, admin.no, 0, entry.at)
    store.add_session(tx, admin.no, session)
    note(tx, entry)


def by_email(tx: Tx, email: str) -> Admin | None:
    """Return the administrator with that address."""
    return store.by_email(tx, email)


def by_number(tx: Tx, no: int) -> Admin | None:
    """Return the administrator with that number."""
    return store.get(tx, no)


def failed(tx: Tx, tried: Sequence[Key], entry: Entry | None) -> None:
    """Note a failed try to sign in; None if nobody has that address.

    Both take one durable write, so that an answer's time does not tell who has
    an account.
    """
    tries.touch(tx, tried)
    if entry is not None:
        note(tx, entry)


def sign_in(
    tx: Tx, no: int, session: Session, step: int, tried: Sequence[Key], entry: Entry
) -> None:
    """Open a session; ones that are over are dropped on the way.

    Args:
        tx: The transaction.
        no: The administrator's number.
        session: The session.
        step: The time step of the code that was used; 0 if there was none.
        tried: What the tries that led here were counted by.
        entry: For the audit log.

    Raises:
        Invalid: the code was used a moment ago.
    """
    admin = store.get(tx, no)
    if admin is None or (step and step <= admin.totp_step):
        raise Invalid("This code was used already: wait for the next one.", param="code")
    store.end_stale(tx, entry.at, rules.IDLE_MS)
    store.signed_in(tx, no, max(step, admin.totp_step), entry.at)
    store.add_session(tx, no, session)
    tries.forgive(tx, tried)
    note(tx, entry)


def visitor(tx: Tx, token: str, now: int) -> tuple[Admin, Session] | None:
    """Return who a session's token belongs to."""
    found = store.session(tx, token_hash(token), now, rules.IDLE_MS)
    if found is None:
        return None
    admin = store.get(tx, found[0])
    return None if admin is None else (admin, found[1])


def seen(tx: Tx, hashed: str, now: int) -> None:
    """Note that a session is in use."""
    store.seen(tx, hashed, now)


def sessions(tx: Tx, no: int, now: int) -> list[Session]:
    """Return an administrator's live sessions, last used first."""
    return store.sessions(tx, no, now, rules.IDLE_MS)


def end_session(tx: Tx, no: int, hashed: str, entry: Entry) -> None:
    """End one session.

    Raises:
        NotFound: it is none of this administrator's.
    """
    if not store.end_session(tx, no, hashed):
        raise NotFound("That session has ended already.")
    note(tx, entry)


def change_password(tx: Tx, no: int, digest: str, keep: str, entry: Entry) -> None:
    """Keep a new password; every other session ends."""
    store.set_password(tx, no, digest)
    store.end_sessions(tx, no, keep)
    note(tx, entry)


def drop_password(tx: Tx, no: int, entry: Entry) -> None:
    """Let passkeys be the only way in: the password goes, and the authenticator app with it.

    Raises:
        Forbidden: there is no passkey.
    """
    if not _find(tx, no).passkeys:
        raise Forbidden("Add a passkey first: without one nobody could sign in.")
    store.drop_password(tx, no)
    note(tx, entry)


def set_totp(tx: Tx, no: int, sealed: bytes | None, step: int, entry: Entry) -> None:
    """Keep the secret of an authenticator app, or forget it."""
    store.set_totp(tx, no, sealed, step)
    note(tx, entry)


def rename(tx: Tx, no: int, name: str, entry: Entry) -> None:
    """Give an administrator another name."""
    store.set_name(tx, no, name)
    note(tx, entry)


def set_role(tx: Tx, no: int, role: str, entry: Entry) -> None:
    """Give an administrator another role.

    Raises:
        NotFound: there is none with that number.
        Forbidden: nobody would be owner any more.
    """
    admin = _find(tx, no)
    if admin.role == "owner" and role != "owner":
        _keep_an_owner(tx)
    store.set_role(tx, no, role)
    note(tx, entry)


def remove(tx: Tx, no: int, entry: Entry) -> None:
    """Remove an administrator; its sessions end at once.

    Raises:
        NotFound: there is none with that number.
        Forbidden: nobody would be owner any more.
    """
    if _find(tx, no).role == "owner":
        _keep_an_owner(tx)
    store.delete(tx, no)
    note(tx, entry)


def _find(tx: Tx, no: int) -> Admin:
    admin = store.get(tx, no)
    if admin is None:
        raise NotFound("There is no such administrator.")
    return admin


def _keep_an_owner(tx: Tx) -> None:
    if store.owners(tx) <= 1:
        raise Forbidden("The last owner cannot go: make somebody else owner first.")
