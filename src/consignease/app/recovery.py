"""A lost account: who has the server makes a link, who has the link makes a new beginning."""

from consignease.app import admins, tickets
from consignease.app.admins import Entry
from consignease.domain.admins import Admin, Session
from consignease.domain.faults import NotFound
from consignease.domain.tickets import Purpose
from consignease.domain.tries import by_account
from consignease.store import admins as store
from consignease.store import housekeeping
from consignease.store import passkeys as store_passkeys
from consignease.store import tickets as store_tickets
from consignease.store import tries as store_tries
from consignease.store.tx import Tx


def begin(tx: Tx, email: str, token: str, entry: Entry) -> Admin:
    """Let a token set a new password; every session of the account ends, older links too.

    Raises:
        NotFound: nobody has that address.
    """
    admin = store.by_email(tx, email)
    if admin is None:
        raise NotFound(f"No administrator has the address {email}.")
    store.end_sessions(tx, admin.no)
    store_tickets.drop_of(tx, admin.no)
    # The clock of a running server may be ahead of the one on the wall.
    now = max(entry.at, housekeeping.number(tx, "clock"))
    tickets.issue(tx, admins.token_hash(token), Purpose.RESET, admin.no, None, now)
    admins.note(tx, entry)
    return admin


def whose(tx: Tx, token: str, now: int) -> Admin | None:
    """Return whose account a token resets; None if it is not, or no longer, one."""
    ticket = tickets.find(tx, admins.token_hash(token), Purpose.RESET, now)
    return None if ticket is None or ticket.admin is None else store.get(tx, ticket.admin)


def finish(
    tx: Tx,
    token: str,
    digest: str,
    totp: tuple[bytes, int] | None,
    session: Session,
    entry: Entry,
) -> None:
    """Give an account a new password and factor, and sign in; nothing else opens it any more.

    Args:
        tx: The transaction.
        token: What the link holds; used up by this.
        digest: Of the new password.
        totp: The sealed secret of an authenticator app and the step of its code; None for none.
        session: The session.
        entry: For the audit log.

    Raises:
        NotFound: the link is over.
    """
    ticket = tickets.take(tx, admins.token_hash(token), Purpose.RESET, entry.at)
    admin = None if ticket is None or ticket.admin is None else store.get(tx, ticket.admin)
    if admin is None:
        raise NotFound("This link is over: make another on the server.")
    sealed, step = totp or (None, 0)
    store.set_password(tx, admin.no, digest)
    store.set_totp(tx, admin.no, sealed, step)
    store_passkeys.drop_of(tx, admin.no)
    store_tickets.drop_of(tx, admin.no)
    store.end_sessions(tx, admin.no)
    store_tries.forget(tx, by_account(admin.email).name)
    store.signed_in(tx, admin.no, step, entry.at)
    store.add_session(tx, admin.no, session)
    admins.note(tx, entry)
