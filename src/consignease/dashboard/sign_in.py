"""Signing in with a password and a code, and signing out."""

import secrets

from starlette.responses import Response

from consignease.app import admins as app
from consignease.app import tickets
from consignease.app.admins import token_hash
from consignease.dashboard.ceremony import offered
from consignease.dashboard.entering import (
    count,
    counted_by,
    open_session,
    refusal,
    safe_next,
    session,
)
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain import totp
from consignease.domain.admins import Admin
from consignease.domain.faults import Fault, Invalid, TooSoon
from consignease.domain.tickets import Purpose
from consignease.domain.tries import Key

NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""Compared when nobody has the address, so that both answers take the same time."""
_HERE = "/dashboard/sign-in"


def _page(visit: Visit, status: int = 200, **values: object) -> Response:
    shown: dict[str, object] = {"form": visit.form, "ticket": "", **offered(visit)}
    return visit.page(
        "sign_in.html",
        status=status,
        **{**shown, "back": visit.form("next") or visit.query("next"), **values},
    )


async def form(visit: Visit) -> Response:
    """Show the form."""
    if visit.admin is not None:
        return visit.go(safe_next(visit.query("next")))
    if not await visit.store.read(app.is_set_up):
        return visit.page("closed.html")
    return _page(visit)


def refused(visit: Visit, fault: Fault, ticket: str = "") -> Response:
    """Show the form again with the words; says when to try again if it has to wait."""
    status, headers = refusal(fault)
    answer = _page(visit, status, ticket=ticket, errors=errors_of(fault))
    answer.headers.update(headers)
    return answer


async def sign_in(visit: Visit) -> Response:
    """Check the password and, where there is an authenticator app, its code."""
    ticket = visit.form("ticket")
    try:
        return await (_second(visit, ticket) if ticket else _first(visit))
    except (Invalid, TooSoon) as fault:
        return refused(visit, fault, ticket if fault.param == "code" else "")


async def _first(visit: Visit) -> Response:
    email, admin = await _account(visit)
    tried = counted_by(visit, email, admin)
    await count(visit, tried)
    digest = (admin and admin.password_digest) or NOBODY
    right = await visit.deps.verify_password(visit.form("password"), digest)
    if admin is None or not right:
        entry = admin and visit.entry("admin.sign_in_failed", email, "password", who=email)
        await visit.store.write(app.failed, tried, entry)
        raise Invalid("The address or the password is wrong.", param="form")
    if admin.totp_sealed is None:
        return await _enter(visit, admin, 0, tried)
    ticket = secrets.token_urlsafe(24)
    hashed = token_hash(ticket)
    await visit.store.write(tickets.issue, hashed, Purpose.CODE, admin.no, None, visit.now)
    return _page(visit, ticket=ticket)


async def _account(visit: Visit) -> tuple[str, Admin | None]:
    try:
        email = rules.check_email(visit.form("email"))
    except Invalid:
        return visit.form("email"), None
    return email, await visit.store.read(app.by_email, email)


async def _second(visit: Visit, token: str) -> Response:
    hashed = token_hash(token)
    ticket = await visit.store.read(tickets.find, hashed, Purpose.CODE, visit.now)
    admin = await visit.store.read(app.by_number, (ticket and ticket.admin) or 0)
    if admin is None or admin.totp_sealed is None:
        raise Invalid("That took too long: sign in again.", param="form")
    tried = counted_by(visit, admin.email, admin)
    await count(visit, tried, "code")
    secret = visit.deps.vault.open(admin.totp_sealed, admin.id)
    wall = round(visit.deps.wall() * 1000)
    step = totp.accepted_step(secret, visit.form("code"), wall, admin.totp_step)
    if step is None:
        entry = visit.entry("admin.sign_in_failed", admin.email, "code", who=admin.email)
        await visit.store.write(app.failed, tried, entry)
        raise Invalid("That code is wrong. Codes change every 30 s.", param="code")
    if await visit.store.write(tickets.take, hashed, Purpose.CODE, visit.now) is None:
        raise Invalid("That took too long: sign in again.", param="form")
    return await _enter(visit, admin, step, tried)


async def _enter(visit: Visit, admin: Admin, step: int, tried: tuple[Key, ...]) -> Response:
    token, opened = session(visit)
    how = "password and code" if step else "password"
    entry = visit.entry("admin.sign_in", admin.email, how, who=admin.email)
    await visit.store.write(app.sign_in, admin.no, opened, step, tried, entry)
    return open_session(visit, admin.id, visit.go(safe_next(visit.form("next"))), token)


async def sign_out(visit: Visit) -> Response:
    """End this session."""
    assert visit.session is not None
    entry = visit.entry("admin.sign_out", visit.me.email)
    await visit.store.write(app.end_session, visit.me.no, visit.session.hash, entry)
    response = visit.go(_HERE, done="signed-out")
    response.delete_cookie(visit.deps.cookie, secure=visit.deps.secure, httponly=True)
    return response


ROUTES = (
    Route("GET", _HERE, form, ""),
    Route("POST", _HERE, sign_in, ""),
    Route("POST", "/dashboard/sign-out", sign_out),
)
