"""An endpoint's credentials: written here, never shown again."""

from starlette.responses import Response

from consignease.app import admins
from consignease.app import endpoints as app
from consignease.dashboard import endpoint_pages as pages
from consignease.dashboard.visit import Route, Visit
from consignease.domain.access import Need
from consignease.edge.credentials import BadCredentialsError, changed
from consignease.edge.tls import BadPemError

_REMOVES = {
    "ca": ("ca",),
    "client": ("certificate", "key"),
    "basic": ("username", "password"),
}
_FIELDS = ("ca", "certificate", "key", "username", "password")


async def change(visit: Visit) -> Response:
    """Change what was filled in, and remove what was asked for; empty fields change nothing."""
    name, form = visit.path["endpoint"], visit.form
    fields = {field: form(field) for field in _FIELDS if form(field).strip()}
    fields.update(dict.fromkeys(_REMOVES.get(form("remove"), ()), ""))
    found = await visit.store.read(app.get, visit.instance, name)
    try:
        values = changed(visit.deps.vault, found.id, found.sealed, fields)
    except BadPemError as error:
        return await pages.page(visit, "advanced", 422, errors={error.part: f"{error}."})
    except BadCredentialsError as error:
        return await pages.page(visit, "advanced", 422, errors={"username": f"{error}."})
    entry = visit.entry("endpoint.credentials", name, ", ".join(sorted(fields)))
    await visit.store.write(
        admins.noted, entry, app.change, visit.instance, name, values, visit.now
    )
    return visit.go(f"{visit.base}/endpoints/{name}/advanced", done="saved")


_HERE = "/dashboard/{instance}/endpoints/{endpoint}/credentials"
ROUTES = (Route("POST", _HERE, change, "admin", Need.ENDPOINTS),)
