"""The verbs of users: one function each, each one unit of work.

Every change and its event commit together. What is returned is what the
Backend API answers, and what the event carries.
"""

from collections.abc import Mapping

from consignease.app.publish import publish
from consignease.domain import users
from consignease.domain.events import NewEvent
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.user_filter import Filter, Page
from consignease.domain.user_json import deleted_json, event_data, user_json
from consignease.domain.users import Change, Draft, User
from consignease.store import user_lists
from consignease.store import users as store
from consignease.store.tx import Tx
from consignease.wire.ids import EmailAddressId, UserId, new_id
from consignease.wire.json import Metadata


def create(tx: Tx, instance: Instance, draft: Draft, now: int) -> bytes:
    """Create a user.

    Args:
        tx: The transaction.
        instance: Whose user it is.
        draft: The user to be, its password hashed.
        now: Milliseconds.

    Returns:
        The user as JSON.

    Raises:
        Conflict: another user has its username, external id or an email address.
        TooLarge: its event would exceed what receivers accept.
    """
    seconds = now / 1000
    user = users.create(
        draft,
        UserId(new_id("user", seconds)),
        [EmailAddressId(new_id("idn", seconds)) for _ in draft.emails],
        now,
    )
    store.insert(tx, instance.no, user)
    return _changed(tx, instance, "user.created", user, now)


def get(tx: Tx, instance: Instance, user_id: str, now: int) -> bytes:
    """Return a user as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    return user_json(_find(tx, instance, user_id), instance.frontend_host, now)


def page(tx: Tx, instance: Instance, wanted: Filter, page: Page, now: int) -> list[bytes]:
    """Return one page of users, each as JSON."""
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
    old = _find(tx, instance, user_id)
    return _save(tx, instance, old, users.update(old, change, now), now)


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
    old = _find(tx, instance, user_id)
    return _save(tx, instance, old, users.merge_metadata(old, patch, now), now)


def delete(tx: Tx, instance: Instance, user_id: str, now: int) -> bytes:
    """Delete a user.

    Returns:
        What is left to say about it, as JSON.

    Raises:
        NotFound: there is none with that id.
    """
    user = _find(tx, instance, user_id)
    store.delete(tx, instance.no, user.id)
    data = deleted_json(user)
    event = NewEvent(
        type="user.deleted", object_id=user.id, subject=user.id, data=data, deletes=True
    )
    publish(tx, instance, event, now)
    return data


def _find(tx: Tx, instance: Instance, user_id: str) -> User:
    user = store.get(tx, instance.no, user_id)
    if user is None:
        raise NotFound("not found", detail=f"No user was found with id {user_id}.")
    return user


def _save(tx: Tx, instance: Instance, old: User, new: User, now: int) -> bytes:
    if new is old:
        return user_json(old, instance.frontend_host, now)
    store.update(tx, instance.no, old, new)
    return _changed(tx, instance, "user.updated", new, now)


def _changed(tx: Tx, instance: Instance, event_type: str, user: User, now: int) -> bytes:
    answer = user_json(user, instance.frontend_host, now)
    event = NewEvent(type=event_type, object_id=user.id, subject=user.id, data=event_data(answer))
    publish(tx, instance, event, now)
    return answer
