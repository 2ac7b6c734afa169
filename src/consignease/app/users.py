"""The verbs of users: one function each, each one unit of work.

Every change and its event commit together. What is returned is what the
Backend API answers, and what the event carries.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from consignease.app.publish import publish
from consignease.domain import users
from consignease.domain.events import NewEvent
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.user_filter import Filter, Page
from consignease.domain.user_json import deleted_json, event_data, user_json
from consignease.domain.users import Change, Draft, User
from consignease.store import factors, messages, user_images, user_lists
from consignease.store import users as store
from consignease.store.tx import Tx
from consignease.wire.ids import UserId, new_id
from consignease.wire.json import Metadata


class Emit(Enum):
    """Whether a change is told to endpoints."""

    YES = True
    NO = False


def create(tx: Tx, instance: Instance, draft: Draft, now: int, emit: Emit = Emit.YES) -> bytes:
    """Create a user.

    Args:
        tx: The transaction.
        instance: Whose user it is.
        draft: The user to be, its password hashed.
        now: Milliseconds.
        emit: Whether its event is emitted; its version is counted all the same.

    Returns:
        The user as JSON.

    Raises:
        Conflict: another user has its username, external id or an identification.
        TooLarge: its event would exceed what receivers accept.
    """
    seconds = now / 1000
    user = users.create(
        draft,
        draft.id or UserId(new_id("user", seconds)),
        draft.identification_ids
        or [new_id("idn", seconds) for _ in (*draft.emails, *draft.phones)],
        now,
    )
    store.insert(tx, instance.no, user)
    if draft.factors is not None:
        factors.put(tx, instance.no, user.id, draft.factors)
    if emit is Emit.NO:
        messages.next_version(tx, instance.no, user.id)
        return user_json(user, instance.frontend_host, now)
    return _changed(tx, instance, "user.created", user, now)


def get(tx: Tx, instance: Instance, user_id: str, now: int) -> bytes:
    """Return a user as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    return user_json(find(tx, instance, user_id), instance.frontend_host, now)


def page(tx: Tx, instance: Instance, wanted: Filter, page: Page, now: int) -> list[bytes]:
    """Return one page of users, each as JSON.

    Raises:
        Invalid: the user that the page is to follow does not exist.
    """
    if page.after and store.get(tx, instance.no, page.after) is None:
        msg = f"starting_after names no user: {page.after}."
        raise Invalid("is invalid", detail=msg, param="starting_after")
    found = user_lists.page(tx, instance.no, wanted, page)
    return [user_json(user, instance.frontend_host, now) for user in found]


def count(tx: Tx, instance: Instance, wanted: Filter) -> int:
    """Return how many users there are."""
    return user_lists.count(tx, instance.no, wanted)


def update(tx: Tx, instance: Instance, user_id: str, change: Change, now: int) -> bytes:
    """Change a user; a change that changes nothing emits nothing.

    Returns:
        The user as JSON.

    Raises:
        NotFound: there is none with that id.
        Invalid: the change does not fit the user.
        Conflict: another user has its new username or external id.
        TooLarge: its event would exceed what receivers accept.
    """
    old = find(tx, instance, user_id)
    if change.factors is not None:
        factors.put(tx, instance.no, user_id, change.factors)
    return save(tx, instance, old, users.update(old, change, now), now)


def update_all(
    tx: Tx, instance: Instance, user_ids: Sequence[str], change: Change, now: int
) -> list[bytes]:
    """Make one change to several users: to all of them or, if one is unknown, to none.

    Returns:
        Each user as JSON.

    Raises:
        NotFound: there is none with one of the ids.
    """
    return [update(tx, instance, user_id, change, now) for user_id in dict.fromkeys(user_ids)]


def disable_mfa(tx: Tx, instance: Instance, user_id: str, which: Collection[str], now: int) -> None:
    """Take second factors away from a user.

    Args:
        tx: The transaction.
        instance: Whose user it is.
        user_id: The user's identifier.
        which: Of ``totp_enabled``, ``backup_code_enabled`` and ``phones``.
        now: Milliseconds.

    Raises:
        NotFound: there is none with that id.
    """
    old = find(tx, instance, user_id)
    totp, codes = "totp_enabled" in which, "backup_code_enabled" in which
    factors.clear(tx, instance.no, user_id, totp=totp, codes=codes)
    save(tx, instance, old, users.disable_mfa(old, which, now), now)


def password_digest(tx: Tx, instance: Instance, user_id: str) -> str | None:
    """Return the digest of a user's password; None if it has none.

    Raises:
        NotFound: there is no user with that id.
    """
    return find(tx, instance, user_id).password_digest


def rehash(tx: Tx, instance: Instance, user_id: str, old: str, new: str) -> None:
    """Keep another digest of the same password, unless that was changed meanwhile.

    Nobody outside can see a difference, so nothing is emitted.
    """
    store.replace_digest(tx, instance.no, user_id, old, new)


def merge_metadata(
    tx: Tx, instance: Instance, user_id: str, patch: Mapping[str, Metadata], now: int
) -> bytes:
    """Merge metadata into a user's; a merge that changes nothing emits nothing.

    Returns:
        The user as JSON.

    Raises:
        NotFound: there is none with that id.
        Invalid: the metadata would be too large or nested too deeply.
        TooLarge: its event would exceed what receivers accept.
    """
    old = find(tx, instance, user_id)
    return save(tx, instance, old, users.merge_metadata(old, patch, now), now)


def delete(tx: Tx, instance: Instance, user_id: str, now: int) -> bytes:
    """Delete a user.

    Returns:
        What is left to say about it, as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    user = find(tx, instance, user_id)
    store.delete(tx, instance.no, user.id)
    factors.delete(tx, instance.no, user.id)
    user_images.delete(tx, instance.no, user.id)
    data = deleted_json(user)
    event = NewEvent(
        type="user.deleted", object_id=user.id, subject=user.id, data=data, deletes=True
    )
    publish(tx, instance, event, now)
    return data


def find(tx: Tx, instance: Instance, user_id: str) -> User:
    """Return a user.

    Raises:
        NotFound: there is none with that id.
    """
    user = store.get(tx, instance.no, user_id)
    if user is None:
        raise NotFound("not found", detail=f"No user was found with id {user_id}.")
    return user


def save(tx: Tx, instance: Instance, old: User, new: User, now: int) -> bytes:
    """Keep what has changed and emit it; the very same object was not changed at all.

    Returns:
        The user as JSON.
    """
    if new is old:
        return user_json(old, instance.frontend_host, now)
    store.update(tx, instance.no, old, new)
    return _changed(tx, instance, "user.updated", new, now)


def _changed(tx: Tx, instance: Instance, event_type: str, user: User, now: int) -> bytes:
    answer = user_json(user, instance.frontend_host, now)
    event = NewEvent(type=event_type, object_id=user.id, subject=user.id, data=event_data(answer))
    publish(tx, instance, event, now)
    return answer
