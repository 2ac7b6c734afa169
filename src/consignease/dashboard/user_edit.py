"""Changing a user: profile, metadata, addresses, password, ban, lock, deletion, resync."""

from typing import Any

import msgspec
from starlette.responses import Response

from consignease.app import admins, redeliver
from consignease.app import identifications as identifications_app
from consignease.app import users as app
from consignease.dashboard.users import errors_beside, metadata_of, show
from consignease.dashboard.visit import Route, Visit
from consignease.domain import identifiers
from consignease.domain.faults import Fault, Invalid, NotFound
from consignease.domain.identifications import EMAIL, PHONE
from consignease.domain.user_identifications import Wanted
from consignease.domain.user_json import event_data
from consignease.domain.user_params import MetadataParams, UpdateParams, change, replacement
from consignease.domain.users import BAN, LOCK, METADATA, UNBAN, UNLOCK, Change

_ACTIONS: dict[str, tuple[Change, str]] = {
    "ban": (BAN, "banned"),
    "unban": (UNBAN, "unbanned"),
    "lock": (LOCK, "locked"),
    "unlock": (UNLOCK, "unlocked"),
}


def _there(visit: Visit) -> str:
    return f"{visit.base}/users/{visit.path['user']}"


async def _update(visit: Visit, action: str, made: Change, detail: str = "") -> None:
    entry = visit.entry(action, visit.path["user"], detail)
    await visit.store.write(
        admins.noted, entry, app.update, visit.instance, visit.path["user"], made, visit.now
    )


async def profile(visit: Visit) -> Response:
    """Change names, username and external id."""
    form = visit.form
    try:
        made = change(
            UpdateParams(
                first_name=form("first_name").strip() or None,
                last_name=form("last_name").strip() or None,
                username=form("username").strip() or None,
                external_id=form("external_id").strip() or None,
            )
        )
        await _update(visit, "user.change", made)
    except Fault as fault:
        _pass_on(fault)
        return await show(visit, 422, errors=errors_beside(fault))
    return visit.go(_there(visit), done="saved")


async def metadata(visit: Visit) -> Response:
    """Replace metadata."""
    try:
        values: dict[str, Any] = {name: metadata_of(visit.form, name) for name in METADATA}
        made = replacement(MetadataParams(**values))
        await _update(visit, "user.metadata", made)
    except Fault as fault:
        _pass_on(fault)
        return await show(visit, 422, errors=errors_beside(fault))
    return visit.go(_there(visit), done="saved")


async def password(visit: Visit) -> Response:
    """Set a password."""
    try:
        made = change(UpdateParams(password=visit.form("password")))
        digest = await visit.deps.hash_password(made.password or "")
        made = msgspec.structs.replace(made, password=None, digest=digest)
        await _update(visit, "user.password", made)
    except Fault as fault:
        _pass_on(fault)
        return await show(visit, 422, errors=errors_beside(fault))
    return visit.go(_there(visit), done="saved")


_KINDS = {"email_address": (EMAIL, identifiers.email), "phone_number": (PHONE, identifiers.phone)}


async def identify(visit: Visit) -> Response:
    """Add an email address or a phone number; it counts as verified."""
    kind, check = _KINDS["phone_number" if "phone_number" in visit.form else "email_address"]
    try:
        value = check(visit.form(kind.name).strip())
        wanted = Wanted(value=value, status="verified")
        entry = visit.entry("user.identify", visit.path["user"], value)
        await visit.store.write(
            admins.noted,
            entry,
            identifications_app.create,
            visit.instance,
            kind,
            visit.path["user"],
            wanted,
            visit.now,
        )
    except Fault as fault:
        _pass_on(fault)
        return await show(visit, 422, errors=errors_beside(fault))
    return visit.go(_there(visit), done="saved")


async def forget(visit: Visit) -> Response:
    """Remove an email address or a phone number."""
    kind, _ = _KINDS.get(visit.form("kind"), _KINDS["email_address"])
    entry = visit.entry("user.forget", visit.path["user"], visit.form("id"))
    await visit.store.write(
        admins.noted,
        entry,
        identifications_app.delete,
        visit.instance,
        kind,
        visit.form("id"),
        visit.now,
    )
    return visit.go(_there(visit), done="saved")


async def act(visit: Visit) -> Response:
    """Ban, unban, lock or unlock."""
    name = visit.form("action")
    if name not in _ACTIONS:
        raise Invalid("There is no such action.")
    made, done = _ACTIONS[name]
    await _update(visit, f"user.{name}", made)
    return visit.go(_there(visit), done=done)


async def delete(visit: Visit) -> Response:
    """Delete the user; its id is typed to be sure."""
    if visit.form("confirm").strip() != visit.path["user"]:
        return await show(visit, 422, errors={"confirm": "Type the user's id to delete it."})
    entry = visit.entry("user.delete", visit.path["user"])
    await visit.store.write(
        admins.noted, entry, app.delete, visit.instance, visit.path["user"], visit.now
    )
    return visit.go(f"{visit.base}/users", done="deleted")


async def resync(visit: Visit) -> Response:
    """Send the user's present state to one endpoint, as a ``user.updated``."""
    name, endpoint = visit.path["user"], visit.form("endpoint")
    raw = await visit.store.read(app.get, visit.instance, name, visit.now)
    entry = visit.entry("user.resync", name, endpoint)
    await visit.store.write(
        admins.noted,
        entry,
        redeliver.resync,
        visit.instance,
        endpoint,
        name,
        event_data(raw),
        visit.now,
    )
    return visit.go(_there(visit), done="resync")


def _pass_on(fault: Fault) -> None:
    if isinstance(fault, NotFound):
        raise fault


_HERE = "/dashboard/{instance}/users/{user}"
ROUTES = (
    Route("POST", f"{_HERE}/profile", profile, "admin"),
    Route("POST", f"{_HERE}/metadata", metadata, "admin"),
    Route("POST", f"{_HERE}/password", password, "admin"),
    Route("POST", f"{_HERE}/identify", identify, "admin"),
    Route("POST", f"{_HERE}/forget", forget, "admin"),
    Route("POST", f"{_HERE}/act", act, "admin"),
    Route("POST", f"{_HERE}/delete", delete, "admin"),
    Route("POST", f"{_HERE}/resync", resync, "admin"),
)
