"""The verbs of portal tokens: whoever holds one reaches a single application for a while."""

from collections.abc import Sequence

import msgspec

from consignease.app import applications
from consignease.app.applications import Wanted
from consignease.domain.access import Caller, Portal
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash
from consignease.store import instances
from consignease.store import portal_tokens as store
from consignease.store.tx import Tx


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be: checked, and everything random made before.

    Attributes:
        token: The token in clear; only its hash is stored.
        capabilities: What may be done with it.
        feature_flags: What the application's maker gave it beside.
        session_id: By which tokens can be ended together.
        expires_at: When it ends, in milliseconds.
    """

    token: str
    capabilities: frozenset[str]
    feature_flags: list[str]
    session_id: str | None
    expires_at: int


def open_portal(
    tx: Tx,
    instance: Instance,
    name: str,
    new: NewToken,
    wanted: tuple[str, Wanted] | None,
    now: int,
) -> str:
    """Store a token and return the id of its application.

    Args:
        tx: The transaction.
        instance: Whose application.
        name: The application's id or uid.
        new: The token.
        wanted: Id and content of the application that is made if there is none with that name.
        now: The time in milliseconds.

    Raises:
        NotFound: there is no such application, and none is to be made.
    """
    try:
        found = applications.get(tx, instance, name)
    except NotFound:
        if wanted is None:
            raise
        found = applications.create(tx, instance, *wanted, now)
    store.add(
        tx,
        {
            "hash": key_hash(new.token),
            "app": found.no,
            "session_id": new.session_id,
            "capabilities": " ".join(sorted(new.capabilities)),
            "feature_flags": msgspec.json.encode(new.feature_flags).decode(),
            "created_at": now,
            "expires_at": new.expires_at,
        },
    )
    return found.id


def caller(tx: Tx, token: str, now: int) -> Caller | None:
    """Return whom a token belongs to; None if it is not, or no longer, one."""
    hashed = key_hash(token)
    row = store.live(tx, hashed, now)
    if row is None:
        return None
    names = (row["app_id"], row["uid"])
    return Caller(
        instance=instances.by_number(tx, row["instance"]),
        mark=hashed[:32],
        name="portal",
        portal=Portal(
            app_id=row["app_id"],
            names=frozenset(one for one in names if one is not None),
            capabilities=frozenset(row["capabilities"].split()),
            feature_flags=tuple(msgspec.json.decode(row["feature_flags"], type=list[str])),
        ),
        expires_at=row["expires_at"],
    )


def visitor(tx: Tx, token: str, app_id: str, now: int) -> tuple[Caller, Instance] | None:
    """Return whom a token belongs to, and the instance as its application sees it.

    None if it is not, or no longer, a token.

    Raises:
        NotFound: it is for another application.
    """
    found = caller(tx, token, now)
    if found is None or found.portal is None:
        return None
    if found.portal.app_id != app_id:
        raise NotFound("There is no such portal.")
    return found, applications.resolve(tx, found.instance, app_id)


def log_out(tx: Tx, token: str) -> None:
    """End a token."""
    store.end(tx, key_hash(token))


def expire_all(
    tx: Tx, instance: Instance, name: str, session_ids: Sequence[str] | None, at: int
) -> None:
    """Let tokens of an application end at a time: all of them, or those of some sessions.

    Raises:
        NotFound: there is no such application.
    """
    app = applications.get(tx, instance, name).no
    if not session_ids:
        store.expire(tx, app, at)
        return
    for session_id in session_ids:
        store.expire_session(tx, app, session_id, at)


def drop_ended(tx: Tx, now: int) -> int:
    """Drop some tokens that have ended; returns how many."""
    return store.drop_ended(tx, now)
