"""Ed25519 signatures of an endpoint: switched on and off, and their public keys."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from consignease.app import admins
from consignease.app import endpoints as app
from consignease.dashboard.visit import Route, Visit
from consignease.domain.access import Need
from consignease.wire.ed25519 import PRIVATE_PREFIX, generate_pair, readable

_KEY_SETS = "/.well-known/webhook-jwks/"


def public_keys(visit: Visit, name: str, sealed: Iterable[bytes]) -> dict[str, Any]:
    """Return the public keys among an endpoint's keys, and where everybody finds them.

    Args:
        visit: The request.
        name: The endpoint's id.
        sealed: Its live keys of either kind.
    """
    base = visit.deps.public_url.rstrip("/") or visit.origin
    opened = [visit.deps.vault.open(one, name).decode() for one in sealed]
    return {
        "public_keys": [readable(one) for one in opened if one.startswith(PRIVATE_PREFIX)],
        "key_set": f"{base}{_KEY_SETS}{name}",
    }


async def switch(visit: Visit) -> Response:
    """Begin or cease to sign with an Ed25519 pair beside the secret."""
    found = await visit.store.read(app.get, visit.instance, visit.path["endpoint"])
    name, wanted = found.id, visit.form("v1a") == "1"
    pair = visit.deps.vault.seal(generate_pair().encode(), name) if wanted else None
    entry = visit.entry("endpoint.sign_v1a" if wanted else "endpoint.cease_v1a", name)
    await visit.store.write(
        admins.noted, entry, app.change, visit.instance, name, {"v1a": wanted}, visit.now, pair
    )
    return visit.go(f"{visit.base}/endpoints/{name}/advanced", done="saved")


_HERE = "/dashboard/{instance}/endpoints/{endpoint}/v1a"
ROUTES = (Route("POST", _HERE, switch, "admin", Need.ENDPOINTS),)
