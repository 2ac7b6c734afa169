"""Portal tokens: stored as hashes, each for one application."""

from typing import Any

from consignease.store.tx import Tx

_ADD = """
INSERT INTO portal_token (hash, app, session_id, capabilities, feature_flags, created_at, expires_at)
VALUES (:hash, :app, :session_id, :capabilities, :feature_flags, :created_at, :expires_at)
"""
_LIVE = """
SELECT t.capabilities, t.feature_flags, t.expires_at, a.id AS app_id, a.uid, a.instance
FROM portal_token t JOIN application a ON a.no = t.app
WHERE t.hash = ? AND t.expires_at > ? AND a.deleted_at IS NULL
"""
_END = "DELETE FROM portal_token WHERE hash = ?"
_EXPIRE = "UPDATE portal_token SET expires_at = :at WHERE app = :app AND expires_at > :at"
_EXPIRE_SESSION = """
UPDATE portal_token SET expires_at = :at
WHERE app = :app AND session_id = :session_id AND expires_at > :at
"""
_DROP = """
DELETE FROM portal_token WHERE hash IN
  (SELECT hash FROM portal_token WHERE expires_at <= ? LIMIT 500)
"""


def add(tx: Tx, values: dict[str, object]) -> None:
    """Store a token: hash, app, session_id, capabilities, feature_flags and its two times."""
    tx.execute(_ADD, values)


def live(tx: Tx, token_hash: str, now: int) -> Any:
    """Return the token with that hash and its application, if both are still there."""
    return tx.one(_LIVE, (token_hash, now))


def end(tx: Tx, token_hash: str) -> None:
    """Forget a token."""
    tx.execute(_END, (token_hash,))


def expire(tx: Tx, app: int, at: int) -> None:
    """Let all tokens of an application end at a time, if they do not end before."""
    tx.execute(_EXPIRE, {"app": app, "at": at})


def expire_session(tx: Tx, app: int, session_id: str, at: int) -> None:
    """Let the tokens of one session end at a time, if they do not end before."""
    tx.execute(_EXPIRE_SESSION, {"app": app, "session_id": session_id, "at": at})


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some tokens that have ended; returns how many."""
    return tx.run(_DROP, (now,))
