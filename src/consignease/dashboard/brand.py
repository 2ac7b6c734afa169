"""Instance settings: how the portal looks, and which sites may show it in a frame."""

from starlette.responses import Response

from consignease.app import brands
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import brand as rules
from consignease.domain.brand import Brand
from consignease.domain.faults import Invalid
from consignease.edge.images import content_type


async def _page(visit: Visit, shown: Brand, status: int = 200, **values: object) -> Response:
    known = {"shown": shown, "themes": rules.THEMES, "origins": "\n".join(shown.origins)}
    return visit.page("brand.html", status=status, **{**known, **values})


async def index(visit: Visit) -> Response:
    """Show how the portal looks."""
    return await _page(visit, await visit.store.read(brands.get, visit.instance))


async def change(visit: Visit) -> Response:
    """Keep how it is to look."""
    form = visit.form
    wanted = Brand(
        name=form("name"),
        logo="" if form("forget") else form("logo"),
        accent=form("accent"),
        theme=form("theme"),
        origins=tuple(form("origins").split()),
    )
    try:
        brand = rules.check(wanted, content_type)
    except Invalid as fault:
        return await _page(visit, wanted, 422, errors=errors_of(fault))
    entry = visit.entry("portal.brand", visit.instance.id, ", ".join(brand.origins))
    await visit.store.write(brands.put, visit.instance, brand, entry)
    return visit.go(f"{visit.base}/settings/portal", done="saved")


_HERE = "/dashboard/{instance}/settings/portal"
ROUTES = (Route("GET", _HERE, index), Route("POST", _HERE, change, "admin"))
