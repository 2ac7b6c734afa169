"""API keys and instance settings."""

import os
from typing import Any

from starlette.responses import Response

from consignease.app import admins
from consignease.app.instances import token_keys
from consignease.dashboard.visit import Route, Visit
from consignease.domain.faults import Forbidden, NotFound
from consignease.domain.instances import Instance
from consignease.domain.keys import key_hash, publishable_key, secret_key
from consignease.store import instances, views
from consignease.store.tx import Tx


async def _page(visit: Visit, **values: Any) -> Response:
    rows = await visit.store.read(views.secret_keys, visit.instance.no)
    shown: dict[str, Any] = {
        "rows": rows,
        "publishable": publishable_key(visit.instance.frontend_host),
        "fresh": "",
        **values,
    }
    return visit.page("keys.html", **shown)


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
    Route("GET", f"{_HERE}/settings", settings),
)
