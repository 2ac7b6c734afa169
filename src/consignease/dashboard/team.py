"""The team: who else may use the Dashboard; and what everybody did."""

import secrets

from starlette.responses import Response

from consignease.app import admins as app
from consignease.app.admins import NewAdmin, token_hash
from consignease.dashboard.visit import Route, Visit, errors_of, whole
from consignease.domain import admins as rules
from consignease.domain.faults import Fault, NotFound
from consignease.wire.ids import new_id

_HERE = "/dashboard/team"
_PAGE = 100


async def _page(visit: Visit, status: int = 200, **values: object) -> Response:
    team = await visit.store.read(app.everyone)
    shown: dict[str, object] = {"team": team, "link": "", "form": visit.form, "roles": rules.ROLES}
    return visit.page("team.html", status=status, **{**shown, **values})


async def team(visit: Visit) -> Response:
    """Show the team."""
    return await _page(visit)


async def invite(visit: Visit) -> Response:
    """Invite somebody; the link is shown once."""
    token = secrets.token_urlsafe(24)
    try:
        new = NewAdmin(
            id=new_id("adm", visit.now / 1000),
            email=rules.check_email(visit.form("email")),
            name=rules.check_name(visit.form("name")),
            role=rules.check_role(visit.form("role")),
            invite_hash=token_hash(token),
            invite_expires_at=visit.now + rules.INVITE_MS,
        )
        entry = visit.entry("admin.invite", new.email, new.role)
        await visit.store.write(app.invite, new, entry)
    except Fault as fault:
        return await _page(visit, 422, errors=errors_of(fault))
    base = visit.deps.public_url.rstrip("/") or visit.origin
    return await _page(visit, link=f"{base}/dashboard/invitation?token={token}")


async def _number(visit: Visit) -> tuple[int, str]:
    for admin in await visit.store.read(app.everyone):
        if admin.id == visit.path["admin"]:
            return admin.no, admin.email
    raise NotFound("There is no such administrator.")


async def role(visit: Visit) -> Response:
    """Give somebody another role."""
    no, email = await _number(visit)
    wanted = rules.check_role(visit.form("role"))
    await visit.store.write(app.set_role, no, wanted, visit.entry("admin.role", email, wanted))
    return visit.go(_HERE, done="saved")


async def remove(visit: Visit) -> Response:
    """Remove somebody."""
    no, email = await _number(visit)
    await visit.store.write(app.remove, no, visit.entry("admin.remove", email))
    return visit.go(_HERE, done="deleted")


async def audit(visit: Visit) -> Response:
    """Show what everybody did, newest first."""
    before = whole(visit.query("before")) or 2**60
    rows = await visit.store.read(app.notes, before, _PAGE)
    more = rows[-1]["no"] if len(rows) == _PAGE else None
    return visit.page("audit.html", rows=rows, more=more)


ROUTES = (
    Route("GET", _HERE, team),
    Route("POST", _HERE, invite, "owner"),
    Route("POST", _HERE + "/{admin}/role", role, "owner"),
    Route("POST", _HERE + "/{admin}/remove", remove, "owner"),
    Route("GET", "/dashboard/audit", audit, "admin"),
)
