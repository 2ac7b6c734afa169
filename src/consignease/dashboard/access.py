"""First run, and accepting an invitation."""

import hmac

from starlette.responses import Response

from consignease.app import admins as app
from consignease.app.admins import NewAdmin
from consignease.dashboard.entering import HOME, open_session
from consignease.dashboard.entering import session as new_session
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain.faults import Forbidden, Invalid
from consignease.wire.ids import new_id

SETUP_MS = 30 * 60_000
"""How long the one-time link works after the server has started."""


async def home(visit: Visit) -> Response:
    """Lead to the first page that makes sense."""
    if visit.query("setup"):
        return visit.go("/dashboard/setup", token=visit.query("setup"))
    if visit.admin is not None:
        return visit.go(HOME)
    if not await visit.store.read(app.is_set_up):
        return visit.page("closed.html")
    return visit.go("/dashboard/sign-in")


# First run


async def _check_setup(visit: Visit, token: str) -> None:
    if await visit.store.read(app.is_set_up):
        raise Forbidden("The Dashboard was set up already.", detail="Sign in instead.")
    late = visit.now - visit.deps.started_at > SETUP_MS
    if late or not hmac.compare_digest(token.encode(), visit.deps.setup_token.encode()):
        raise Forbidden(
            "This set-up link is not, or no longer, valid.",
            detail="It works once and for 30 minutes. Start the server again for a new one.",
        )


async def setup_form(visit: Visit) -> Response:
    """Show the form for the first administrator."""
    await _check_setup(visit, visit.query("token"))
    return visit.page("setup.html", token=visit.query("token"), form=visit.form)


async def setup(visit: Visit) -> Response:
    """Add the first administrator, an owner, and sign it in."""
    await _check_setup(visit, visit.form("token"))
    token, session = new_session(visit)
    try:
        new = NewAdmin(
            id=new_id("adm", visit.now / 1000),
            email=rules.check_email(visit.form("email")),
            name=rules.check_name(visit.form("name")),
            role="owner",
            password_digest=await visit.deps.hash_password(
                rules.check_password(visit.form("password"))
            ),
        )
        entry = visit.entry("admin.set_up", new.email, who=new.email)
        await visit.store.write(app.set_up, new, session, entry)
    except Invalid as fault:
        return visit.page(
            "setup.html",
            status=422,
            token=visit.form("token"),
            form=visit.form,
            errors=errors_of(fault),
        )
    return open_session(visit, new.id, visit.go(HOME), token)


# Invitations


async def invitation(visit: Visit) -> Response:
    """Show the form for a password."""
    admin = await visit.store.read(app.invited, visit.query("token"), visit.now)
    if admin is None:
        raise Forbidden("This invitation is over.", detail="Ask an owner for another.")
    return visit.page("invitation.html", invited=admin, token=visit.query("token"))


async def accept(visit: Visit) -> Response:
    """Keep the password and sign in."""
    admin = await visit.store.read(app.invited, visit.form("token"), visit.now)
    if admin is None:
        raise Forbidden("This invitation is over.", detail="Ask an owner for another.")
    token, session = new_session(visit)
    try:
        digest = await visit.deps.hash_password(rules.check_password(visit.form("password")))
    except Invalid as fault:
        return visit.page(
            "invitation.html",
            status=422,
            invited=admin,
            token=visit.form("token"),
            errors=errors_of(fault),
        )
    entry = visit.entry("admin.accept", admin.email, who=admin.email)
    await visit.store.write(app.accept, visit.form("token"), digest, session, entry)
    return open_session(visit, admin.id, visit.go(HOME), token)


ROUTES = (
    Route("GET", "/dashboard", home, ""),
    Route("GET", "/dashboard/setup", setup_form, ""),
    Route("POST", "/dashboard/setup", setup, ""),
    Route("GET", "/dashboard/invitation", invitation, ""),
    Route("POST", "/dashboard/invitation", accept, ""),
)
