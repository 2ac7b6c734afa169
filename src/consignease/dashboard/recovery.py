"""The link for a lost account: a new password and a new factor, and nothing else opens it."""

from starlette.responses import Response

from consignease.app import recovery as app
from consignease.dashboard import authenticator
from consignease.dashboard.entering import open_session, session
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain.admins import Admin
from consignease.domain.faults import Forbidden, Invalid

_HERE = "/dashboard/reset"


async def _whose(visit: Visit, token: str) -> Admin:
    admin = await visit.store.read(app.whose, token, visit.now)
    if admin is None:
        raise Forbidden(
            "This link is over.",
            detail="It works once and for a quarter of an hour. Make another on the server: "
            "consignease admin reset EMAIL",
        )
    return admin


async def form(visit: Visit) -> Response:
    """Show the form for the new password and the new authenticator app."""
    token = visit.query("token")
    admin = await _whose(visit, token)
    shown = authenticator.fresh(visit, admin)
    return visit.page("reset.html", whose=admin, token=token, **shown)


async def reset(visit: Visit) -> Response:
    """Keep both, end every session, and sign in."""
    token = visit.form("token")
    admin = await _whose(visit, token)
    shown = authenticator.again(visit, admin)
    opening, opened = session(visit)
    try:
        password = rules.check_password(visit.form("password"))
        # Who had a second factor does not come out of this without one.
        needed = admin.has_second_factor or visit.form("code").strip()
        totp = authenticator.confirmed(visit, admin) if needed else None
        digest = await visit.deps.hash_password(password)
    except Invalid as fault:
        errors = errors_of(fault)
        return visit.page(
            "reset.html", status=422, whose=admin, token=token, **shown, errors=errors
        )
    entry = visit.entry("admin.reset", admin.email, who=admin.email)
    await visit.store.write(app.finish, token, digest, totp, opened, entry)
    return open_session(visit, admin.id, visit.go("/dashboard/account", done="reset"), opening)


ROUTES = (
    Route("GET", _HERE, form, ""),
    Route("POST", _HERE, reset, ""),
)
