"""Administrators, their sessions, and the audit log."""

from typing import Any

from consignease.domain.admins import Admin, Session
from consignease.store import passkeys, tickets
from consignease.store.tx import Tx

_COLUMNS = (
    "no, id, email, name, role, password_digest, totp_sealed, totp_step, last_sign_in_at,"
    " created_at, (SELECT count(*) FROM admin_passkey p WHERE p.admin = admin.no) AS passkeys"
)
_ANY = "SELECT 1 FROM admin LIMIT 1"
_INSERT = """
INSERT INTO admin (id, email, name, role, password_digest, totp_step, failures, invite_hash,
                   invite_expires_at, created_at)
VALUES (:id, :email, :name, :role, :password_digest, 0, 0, :invite_hash, :invite_expires_at, :now)
RETURNING no
"""
_ALL = f"SELECT {_COLUMNS} FROM admin ORDER BY no"  # noqa: S608 - constants
_BY_NO = f"SELECT {_COLUMNS} FROM admin WHERE no = ? /* writing: FOR UPDATE */"  # noqa: S608
_BY_EMAIL = f"SELECT {_COLUMNS} FROM admin WHERE email = ?"  # noqa: S608
_BY_INVITE = f"""
SELECT {_COLUMNS} FROM admin WHERE invite_hash = ? AND invite_expires_at > ?
"""  # noqa: S608
_OWNERS = """
SELECT count(*) FROM admin WHERE role = 'owner' AND (password_digest IS NOT NULL
  OR EXISTS (SELECT 1 FROM admin_passkey p WHERE p.admin = admin.no))
"""
_DELETE = "DELETE FROM admin WHERE no = ?"
_SIGNED_IN = """
UPDATE admin SET failures = 0, locked_until = NULL, last_sign_in_at = ?, totp_step = ?
WHERE no = ?
"""
_SET_DIGEST = """
UPDATE admin SET password_digest = ?, invite_hash = NULL, invite_expires_at = NULL WHERE no = ?
"""
_DROP_DIGEST = """
UPDATE admin SET password_digest = NULL, totp_sealed = NULL, totp_step = 0 WHERE no = ?
"""
_SET_TOTP = "UPDATE admin SET totp_sealed = ?, totp_step = ? WHERE no = ?"
_SET_ROLE = "UPDATE admin SET role = ? WHERE no = ?"
_SET_NAME = "UPDATE admin SET name = ? WHERE no = ?"
_ADD_SESSION = """
INSERT INTO admin_session (hash, admin, ip, user_agent, created_at, seen_at, expires_at)
VALUES (:hash, :admin, :ip, :user_agent, :now, :now, :expires_at)
"""
_SESSION = """
SELECT s.hash, s.admin, s.ip, s.user_agent, s.created_at, s.seen_at, s.expires_at
FROM admin_session s WHERE s.hash = ? AND s.expires_at > ? AND s.seen_at > ?
"""
_SESSIONS = """
SELECT hash, ip, user_agent, created_at, seen_at, expires_at FROM admin_session
WHERE admin = ? AND expires_at > ? AND seen_at > ? ORDER BY seen_at DESC
"""
_SEEN = "UPDATE admin_session SET seen_at = ? WHERE hash = ?"
_END = "DELETE FROM admin_session WHERE hash = ? AND admin = ?"
_END_ALL = "DELETE FROM admin_session WHERE admin = ? AND hash <> ?"
_END_STALE = "DELETE FROM admin_session WHERE expires_at <= ? OR seen_at <= ?"
_AUDIT = """
INSERT INTO audit (at, instance, who, ip, action, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_AUDITED = "SELECT * FROM audit WHERE no < ? ORDER BY no DESC LIMIT ?"


def _admin(row: Any) -> Admin:
    return Admin(**dict(row))


def any_of_them(tx: Tx) -> bool:
    """Tell whether there is any administrator."""
    return tx.one(_ANY) is not None


def insert(tx: Tx, values: dict[str, object]) -> int:
    """Add an administrator and return its number."""
    return tx.one(_INSERT, values)[0]


def all_of_them(tx: Tx) -> list[Admin]:
    """Return every administrator, oldest first."""
    return [_admin(row) for row in tx.all(_ALL)]


def get(tx: Tx, no: int) -> Admin | None:
    """Return the administrator with that number."""
    row = tx.one(_BY_NO, (no,))
    return None if row is None else _admin(row)


def by_email(tx: Tx, email: str) -> Admin | None:
    """Return the administrator with that address."""
    row = tx.one(_BY_EMAIL, (email,))
    return None if row is None else _admin(row)


def by_invite(tx: Tx, invite_hash: str, now: int) -> Admin | None:
    """Return whom a live invitation is for."""
    row = tx.one(_BY_INVITE, (invite_hash, now))
    return None if row is None else _admin(row)


def owners(tx: Tx) -> int:
    """Return how many owners can sign in."""
    return tx.one(_OWNERS)[0]


def delete(tx: Tx, no: int) -> None:
    """Remove an administrator with all sessions, passkeys and tickets."""
    passkeys.drop_of(tx, no)
    tickets.drop_of(tx, no)
    tx.execute(_END_ALL, (no, ""))
    tx.execute(_DELETE, (no,))


def signed_in(tx: Tx, no: int, totp_step: int, now: int) -> None:
    """Note that somebody signed in."""
    tx.execute(_SIGNED_IN, (now, totp_step, no))


def set_password(tx: Tx, no: int, digest: str) -> None:
    """Keep the digest of a password; an invitation is used up by it."""
    tx.execute(_SET_DIGEST, (digest, no))


def drop_password(tx: Tx, no: int) -> None:
    """Forget the password, and the authenticator app that went with it."""
    tx.execute(_DROP_DIGEST, (no,))


def set_totp(tx: Tx, no: int, sealed: bytes | None, step: int) -> None:
    """Keep the secret of an authenticator app, or none."""
    tx.execute(_SET_TOTP, (sealed, step, no))


def set_role(tx: Tx, no: int, role: str) -> None:
    """Give an administrator another role."""
    tx.execute(_SET_ROLE, (role, no))


def set_name(tx: Tx, no: int, name: str) -> None:
    """Give an administrator another name."""
    tx.execute(_SET_NAME, (name, no))


def add_session(tx: Tx, admin: int, session: Session) -> None:
    """Add a session."""
    values = {
        "hash": session.hash,
        "admin": admin,
        "ip": session.ip,
        "user_agent": session.user_agent,
        "now": session.created_at,
        "expires_at": session.expires_at,
    }
    tx.execute(_ADD_SESSION, values)


def session(tx: Tx, hashed: str, now: int, idle: int) -> tuple[int, Session] | None:
    """Return a live session and the number of its administrator."""
    row = tx.one(_SESSION, (hashed, now, now - idle))
    if row is None:
        return None
    values = dict(row)
    return values.pop("admin"), Session(**values)


def sessions(tx: Tx, admin: int, now: int, idle: int) -> list[Session]:
    """Return the live sessions of an administrator, last used first."""
    return [Session(**dict(row)) for row in tx.all(_SESSIONS, (admin, now, now - idle))]


def seen(tx: Tx, hashed: str, now: int) -> None:
    """Note that a session is in use."""
    tx.execute(_SEEN, (now, hashed))


def end_session(tx: Tx, admin: int, hashed: str) -> bool:
    """End one session; False if there was none."""
    return tx.run(_END, (hashed, admin)) > 0


def end_sessions(tx: Tx, admin: int, but: str = "") -> None:
    """End all sessions of an administrator but one."""
    tx.execute(_END_ALL, (admin, but))


def end_stale(tx: Tx, now: int, idle: int) -> None:
    """Drop sessions that are over."""
    tx.execute(_END_STALE, (now, now - idle))


def note(tx: Tx, row: tuple[object, ...]) -> None:
    """Add a row to the audit log: at, instance, who, ip, action, target, detail."""
    tx.execute(_AUDIT, row)


def notes(tx: Tx, before: int, limit: int) -> list[dict[str, Any]]:
    """Return rows of the audit log, newest first."""
    return [dict(row) for row in tx.all(_AUDITED, (before, limit))]
