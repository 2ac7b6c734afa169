"""The verbs of applications."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from consignease.app import endpoints, pollers
from consignease.domain.applications import Application
from consignease.domain.faults import Conflict, Forbidden, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.store import applications as store
from consignease.store.tx import Tx
from consignease.wire.ids import AppId


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An application to be, or what it is to become."""

    name: str
    uid: str | None = None
    metadata: dict[str, str] = {}
    rate_limit: int | None = None


def resolve(tx: Tx, instance: Instance, name: str) -> Instance:
    """Return the instance as one of its applications sees it.

    Raises:
        NotFound: there is no such application.
    """
    return _seen_as(instance, get(tx, instance, name))


def named(tx: Tx, instance: Instance, name: str) -> Instance:
    """Do what `resolve` does, for a unit that writes; no name means the built-in one.

    The answer is remembered: until applications change where one thread writes all, and
    elsewhere for this transaction.

    Raises:
        NotFound: there is no such application.
    """
    if not name:
        return instance
    known: dict[str, Instance] = tx.cache.setdefault(("applications", instance.no), {})
    found = known.get(name)
    if found is None:
        # Messages of one application are made side by side: none of them holds its row.
        found = known[name] = _seen_as(instance, _there(store.look(tx, instance.no, name), name))
    return found


def know(tx: Tx, wanted: Iterable[tuple[Instance, str]]) -> None:
    """Read at once what `named` will be asked for, where it would be a round trip each."""
    if tx.alone:
        return
    asked = {
        (instance.no, name): instance for instance, name in wanted if name and "\0" not in name
    }
    for row in store.look_all(tx, list(asked)):
        found = _seen_as(asked[row["instance"], row["asked"]], _read(row))
        tx.cache.setdefault(("applications", row["instance"]), {})[row["asked"]] = found


def resolve_or_create(
    tx: Tx, instance: Instance, name: str, app_id: str, wanted: Wanted, now: int
) -> Instance:
    """Return the instance as an application sees it, which is added if it is not there.

    Args:
        tx: The transaction.
        instance: Whose application.
        name: Its id or uid, as a path names it; empty for the built-in one.
        app_id: The id of a new one.
        wanted: What a new one is to be; of no account if there is one.
        now: Milliseconds.

    Raises:
        Invalid: there is none, and the uid of the one that is wanted is another name.
    """
    if not name:
        return instance
    if store.look(tx, instance.no, name) is None:
        if wanted.uid != name:
            msg = "The application's uid must be the one in the path."
            raise Invalid(msg, code="application_uid_mismatch", param="application")
        create(tx, instance, app_id, wanted, now)
    return named(tx, instance, name)


def get(tx: Tx, instance: Instance, name: str) -> Application:
    """Return the application with that id or uid.

    Raises:
        NotFound: there is none.
    """
    return _there(store.find(tx, instance.no, name), name)


def _there(row: Any, name: str) -> Application:
    if row is None:
        raise NotFound(f"There is no application {name}.", code="not_found")
    return _read(row)


def _seen_as(instance: Instance, found: Application) -> Instance:
    return msgspec.structs.replace(instance, app=found.no, app_id=AppId(found.id))


def page(
    tx: Tx, instance: Instance, after: str | None, limit: int, direction: str
) -> list[Application]:
    """Return a page of applications in order of their ids.

    Args:
        tx: The transaction.
        instance: Whose.
        after: The id before the page; one with a leading ``-`` is the id after it.
        limit: How many at most.
        direction: ``ascending`` or ``descending``.
    """
    if after is None or not after.startswith("-"):
        return [_read(row) for row in store.page(tx, instance.no, after, limit, direction)]
    other = "descending" if direction == "ascending" else "ascending"
    rows = store.page(tx, instance.no, after.removeprefix("-"), limit, other)
    return [_read(row) for row in reversed(rows)]


def create(tx: Tx, instance: Instance, app_id: str, wanted: Wanted, now: int) -> Application:
    """Add an application.

    Raises:
        Conflict: its uid is taken.
    """
    _refuse_taken(tx, instance, wanted.uid, None)
    values = _values(wanted) | {"instance": instance.no, "id": app_id, "now": now}
    return _read(store.insert(tx, values))


def change(tx: Tx, instance: Instance, name: str, changes: dict[str, Any], now: int) -> Application:
    """Change an application; changes that change nothing leave it as it is.

    Raises:
        NotFound: there is none.
        Forbidden: it is the built-in one.
        Conflict: the new uid is taken.
    """
    before = get(tx, instance, name)
    _refuse_built_in(instance, before)
    after = msgspec.structs.replace(before, **changes)
    if after == before:
        return before
    _refuse_taken(tx, instance, after.uid, before.no)
    wanted = Wanted(
        name=after.name, uid=after.uid, metadata=after.metadata, rate_limit=after.rate_limit
    )
    if after.rate_limit != before.rate_limit:
        for no, _ in store.endpoints(tx, before.no):
            tx.on_commit(partial(tx.hand.changed, no))
    return _read(store.update(tx, _values(wanted) | {"no": before.no, "now": now}))


def delete(tx: Tx, instance: Instance, name: str, now: int) -> None:
    """Delete an application and its endpoints; what was not sent yet is canceled.

    Raises:
        NotFound: there is none.
        Forbidden: it is the built-in one.
    """
    found = get(tx, instance, name)
    _refuse_built_in(instance, found)
    inside = msgspec.structs.replace(instance, app=found.no, app_id=AppId(found.id))
    for _, endpoint in store.endpoints(tx, found.no):
        endpoints.delete(tx, inside, endpoint, now)
    pollers.delete_all(tx, inside)
    store.delete(tx, found.no, now)


def _read(row: Any) -> Application:
    return Application(
        no=row["no"],
        id=row["id"],
        uid=row["uid"],
        name=row["name"],
        metadata=msgspec.json.decode(row["metadata"], type=dict[str, str]),
        rate_limit=row["rate_limit"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _values(wanted: Wanted) -> dict[str, object]:
    metadata = msgspec.json.encode(wanted.metadata).decode()
    return {
        "uid": wanted.uid,
        "name": wanted.name,
        "metadata": metadata,
        "rate_limit": wanted.rate_limit,
    }


def _refuse_taken(tx: Tx, instance: Instance, uid: str | None, no: int | None) -> None:
    other = None if uid is None else store.find(tx, instance.no, uid)
    if other is not None and other["no"] != no:
        msg = f"Another application has the uid {uid}."
        raise Conflict(msg, code="conflict", param="uid")


def _refuse_built_in(instance: Instance, found: Application) -> None:
    if found.no == instance.app:
        msg = "The built-in application carries the identity events; it cannot be changed."
        raise Forbidden(msg, code="forbidden")
