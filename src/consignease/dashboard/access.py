"""First run, signing in and out, accepting an invitation."""

import hmac
import secrets
import time
from urllib.parse import urlsplit

from starlette.responses import Response

from consignease.app import admins as app
from consignease.app.admins import NewAdmin, new_session
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain import totp
from consignease.domain.admins import Admin
from consignease.domain.faults import Fault, Forbidden, Invalid
from consignease.wire.ids import new_id

SETUP_MS = 30 * 60_000
"""How long the one-time link works after the server has started."""
TICKET_SECONDS = 300
"""How long a right password waits for its code."""
_HOME = "/dashboard/development/endpoints"
_WRONG = "The address or the password is wrong."
# Compared when nobody has the address, so that both answers take the same time.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

_tickets: dict[str, tuple[int, float]] = {}


def safe_next(target: str) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    parts = urlsplit(target)
    own = target.startswith("/dashboard/") and not parts.netloc and not parts.scheme
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if own and plain and "sign-in" not in target else _HOME


def _open(visit: Visit, response: Response, token: str) -> Response:
    response.set_cookie(
        visit.deps.cookie,
        token,
        max_age=rules.SESSION_MS // 1000,
        path="/",
        secure=visit.deps.secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _session(visit: Visit) -> tuple[str, rules.Session]:
    token = secrets.token_urlsafe(32)
    agent = visit.request.headers.get("user-agent", "")
    return token, new_session(token, visit.ip, agent, visit.now)


async def home(visit: Visit) -> Response:
    """Lead to the first page that makes sense."""
    if visit.query("setup"):
        return visit.go("/dashboard/setup", token=visit.query("setup"))
    if visit.admin is not None:
        return visit.go(_HOME)
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
    token, session = _session(visit)
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
    return _open(visit, visit.go(_HOME), token)


# Signing in


async def sign_in_form(visit: Visit) -> Response:
    """Show the form."""
    if visit.admin is not None:
        return visit.go(safe_next(visit.query("next")))
    if not await visit.store.read(app.is_set_up):
        return visit.page("closed.html")
    return visit.page("sign_in.html", form=visit.form, back=visit.query("next"), ticket="")


def _refused(visit: Visit, errors: dict[str, str], ticket: str = "") -> Response:
    return visit.page(
        "sign_in.html",
        status=422,
        form=visit.form,
        back=visit.form("next"),
        ticket=ticket,
        errors=errors,
    )


async def sign_in(visit: Visit) -> Response:
    """Check the password and, where there is an authenticator app, its code."""
    if visit.form("ticket"):
        return await _second(visit)
    email = visit.form("email").strip().lower()
    admin = await visit.store.read(app.by_email, email)
    digest = (admin and admin.password_digest) or _NOBODY
    if admin is not None and (admin.locked_until or 0) > visit.now:
        return _refused(visit, {"form": "Too many tries: wait a quarter of an hour."})
    right = await visit.deps.verify_password(visit.form("password"), digest)
    if admin is None or not right:
        if admin is not None:
            entry = visit.entry("admin.sign_in_failed", email, "password", who=email)
            await visit.store.write(app.failed, admin.no, entry)
        return _refused(visit, {"form": _WRONG})
    if admin.totp_sealed is None:
        return await _enter(visit, admin, 0)
    ticket = secrets.token_urlsafe(24)
    for old, (_, until) in list(_tickets.items()):
        if until < time.monotonic():
            del _tickets[old]
    _tickets[ticket] = (admin.no, time.monotonic() + TICKET_SECONDS)
    return visit.page("sign_in.html", form=visit.form, back=visit.form("next"), ticket=ticket)


async def _second(visit: Visit) -> Response:
    ticket = visit.form("ticket")
    no, until = _tickets.get(ticket, (0, 0.0))
    admin = await visit.store.read(app.by_number, no)
    if admin is None or admin.totp_sealed is None or until < time.monotonic():
        return _refused(visit, {"form": "That took too long: sign in again."})
    if (admin.locked_until or 0) > visit.now:
        return _refused(visit, {"form": "Too many tries: wait a quarter of an hour."})
    secret = visit.deps.vault.open(admin.totp_sealed, admin.id)
    wall = round(visit.deps.wall() * 1000)
    step = totp.accepted_step(secret, visit.form("code"), wall, admin.totp_step)
    if step is None:
        entry = visit.entry("admin.sign_in_failed", admin.email, "code", who=admin.email)
        await visit.store.write(app.failed, admin.no, entry)
        return _refused(visit, {"code": "That code is wrong. Codes change every 30 s."}, ticket)
    del _tickets[ticket]
    return await _enter(visit, admin, step)


async def _enter(visit: Visit, admin: Admin, step: int) -> Response:
    token, session = _session(visit)
    entry = visit.entry("admin.sign_in", admin.email, who=admin.email)
    try:
        await visit.store.write(app.sign_in, admin.no, session, step, entry)
    except Fault as fault:
        return _refused(visit, {"form": fault.detail})
    return _open(visit, visit.go(safe_next(visit.form("next"))), token)


async def sign_out(visit: Visit) -> Response:
    """End this session."""
    assert visit.session is not None
    entry = visit.entry("admin.sign_out", visit.me.email)
    await visit.store.write(app.end_session, visit.me.no, visit.session.hash, entry)
    response = visit.go("/dashboard/sign-in", done="signed-out")
    response.delete_cookie(visit.deps.cookie, secure=visit.deps.secure, httponly=True)
    return response


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
    token, session = _session(visit)
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
    return _open(visit, visit.go(_HOME), token)


ROUTES = (
    Route("GET", "/dashboard", home, ""),
    Route("GET", "/dashboard/setup", setup_form, ""),
    Route("POST", "/dashboard/setup", setup, ""),
    Route("GET", "/dashboard/sign-in", sign_in_form, ""),
    Route("POST", "/dashboard/sign-in", sign_in, ""),
    Route("POST", "/dashboard/sign-out", sign_out),
    Route("GET", "/dashboard/invitation", invitation, ""),
    Route("POST", "/dashboard/invitation", accept, ""),
)
