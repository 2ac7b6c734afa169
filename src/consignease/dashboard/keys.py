"""API keys and instance settings."""

import os
from typing import Any

from starlette.responses import Response

from consignease.app import admins, api_keys
from consignease.app.api_keys import NewKey
from consignease.app.instances import token_keys
from consignease.dashboard.visit import Route, Visit, errors_of, whole
from consignease.domain import access
from consignease.domain.faults import Fault, Forbidden, Invalid, NotFound
from consignease.domain.instances import Instance
from consignease.domain.keys import api_key, key_hash, publishable_key, secret_key
from consignease.store import instances, views
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

_LIVES = {"": "Until revoked", "1": "1 day", "30": "30 days", "90": "90 days", "365": "1 year"}
"""How long a key may live, in days, and in words."""
_DAY_MS = 24 * 3_600_000


async def _page(visit: Visit, status: int = 200, **values: Any) -> Response:
    rows = await visit.store.read(views.secret_keys, visit.instance.no)
    shown: dict[str, Any] = {
        "rows": rows,
        "api_keys": await visit.store.read(api_keys.every, visit.instance),
        "scopes": access.SCOPES,
        "lives": _LIVES,
        "form": visit.form,
        "publishable": publishable_key(visit.instance.frontend_host),
        "fresh": "",
        "fresh_api": "",
        **values,
    }
    return visit.page("keys.html", status=status, **shown)


async def keys(visit: Visit) -> Response:
    """Show the keys; of secret ones the last four characters."""
    return await _page(visit)


def _add(tx: Tx, instance: Instance, key: str, now: int) -> None:
    instances.add_secret_key(tx, instance.no, key_hash(key), key[-4:], now)


async def create(visit: Visit) -> Response:
    """Make another secret key and show it once."""
    key = secret_key(os.urandom(27))
    entry = visit.entry("key.create", f"…{key[-4:]}")
    await visit.store.write(admins.noted, entry, _add, visit.instance, key, visit.now)
    return await _page(visit, fresh=key)


def _revoke(tx: Tx, instance: Instance, hashed: str, now: int) -> None:
    live = [row for row in views.secret_keys(tx, instance.no) if row["revoked_at"] is None]
    if len(live) < 2:
        raise Forbidden("The last secret key cannot be revoked.", detail="Make another one first.")
    if not views.revoke_key(tx, instance.no, hashed, now):
        raise NotFound("That key is not, or no longer, live.")


async def revoke(visit: Visit) -> Response:
    """Revoke a secret key: requests that carry it are refused from now on."""
    hashed = visit.form("key")
    entry = visit.entry("key.revoke", f"…{visit.form('last4')[:4]}")
    await visit.store.write(admins.noted, entry, _revoke, visit.instance, hashed, visit.now)
    visit.deps.forget_keys()
    return visit.go(f"{visit.base}/keys", done="revoked")


def _new_key(visit: Visit) -> NewKey:
    name = access.check_name(visit.form("name"))
    scopes = access.check_scopes(visit.form.all("scope"))
    chosen = visit.form("days")
    days = whole(chosen, 4)
    if chosen not in _LIVES:
        raise Invalid("Choose how long it lives.", param="days")
    expires_at = None if days is None else visit.now + days * _DAY_MS
    key = api_key(os.urandom(27))
    return NewKey(id=new_id("key"), key=key, name=name, scopes=scopes, expires_at=expires_at)


async def create_api_key(visit: Visit) -> Response:
    """Make an API key with scopes and show it once."""
    try:
        new = _new_key(visit)
    except Fault as fault:
        return await _page(visit, 422, errors=errors_of(fault))
    detail = f"{new.name}: {', '.join(sorted(new.scopes))}"
    entry = visit.entry("api_key.create", new.id, detail)
    await visit.store.write(api_keys.create, visit.instance, new, entry)
    return await _page(visit, fresh_api=new.key)


async def revoke_api_key(visit: Visit) -> Response:
    """Revoke an API key: requests that carry it are refused from now on."""
    name = visit.form("key")
    entry = visit.entry("api_key.revoke", name)
    await visit.store.write(api_keys.revoke, visit.instance, name, entry)
    visit.deps.forget_keys()
    return visit.go(f"{visit.base}/keys", done="revoked")


async def settings(visit: Visit) -> Response:
    """Show what the instance is and where it is reached."""
    pairs = await visit.store.read(token_keys, visit.instance)
    return visit.page(
        "settings.html",
        pairs=pairs,
        url=visit.deps.public_url.rstrip("/") or visit.origin,
        publishable=publishable_key(visit.instance.frontend_host),
    )


_HERE = "/dashboard/{instance}"
ROUTES = (
    Route("GET", f"{_HERE}/keys", keys),
    Route("POST", f"{_HERE}/keys", create, "admin"),
    Route("POST", f"{_HERE}/keys/revoke", revoke, "admin"),
    Route("POST", f"{_HERE}/keys/api", create_api_key, "admin"),
    Route("POST", f"{_HERE}/keys/api/revoke", revoke_api_key, "admin"),
    Route("GET", f"{_HERE}/settings", settings),
)
