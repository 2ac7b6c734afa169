"""One's own account: name, password, authenticator app, sessions."""

from starlette.responses import Response

from consignease.app import admins as app
from consignease.app import passkeys
from consignease.dashboard import authenticator, confirming
from consignease.dashboard.ceremony import offered
from consignease.dashboard.entering import refusal
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain.faults import Fault, Forbidden, Invalid, TooSoon

_HERE = "/dashboard/account"


async def page(visit: Visit, status: int = 200, **values: object) -> Response:
    """Show the account."""
    sessions = await visit.store.read(app.sessions, visit.me.no, visit.now)
    mine = await visit.store.read(passkeys.of, visit.me.no)
    shown: dict[str, object] = {
        "sessions": sessions,
        "mine": mine,
        "form": visit.form,
        **authenticator.NOTHING,
        **offered(visit),
    }
    return visit.page("account.html", status=status, **{**shown, **values})


async def refused(visit: Visit, fault: Fault, **values: object) -> Response:
    """Show the account again with words beside the field at fault."""
    status, headers = refusal(fault)
    answer = await page(visit, status, **{"errors": errors_of(fault), **values})
    answer.headers.update(headers)
    return answer


async def account(visit: Visit) -> Response:
    """Show the account."""
    return await page(visit)


async def rename(visit: Visit) -> Response:
    """Change the name."""
    try:
        name = rules.check_name(visit.form("name"))
    except Invalid as fault:
        return await refused(visit, fault)
    entry = visit.entry("admin.rename", visit.me.email, name)
    await visit.store.write(app.rename, visit.me.no, name, entry)
    return visit.go(_HERE, done="saved")


async def password(visit: Visit) -> Response:
    """Change the password; the present one is asked for."""
    try:
        await confirming.check(visit)
        digest = await visit.deps.hash_password(rules.check_password(visit.form("password")))
    except (Invalid, TooSoon) as fault:
        return await refused(visit, fault)
    assert visit.session is not None
    entry = visit.entry("admin.password", visit.me.email)
    keep = visit.session.hash
    await visit.store.write(app.change_password, visit.me.no, digest, keep, entry)
    return visit.go(_HERE, done="password")


async def password_remove(visit: Visit) -> Response:
    """Let passkeys be the only way in; the password is asked for a last time."""
    try:
        await confirming.check(visit)
    except (Invalid, TooSoon) as fault:
        return await refused(visit, fault, errors={"no-password": fault.detail})
    entry = visit.entry("admin.password_off", visit.me.email)
    await visit.store.write(app.drop_password, visit.me.no, entry)
    return visit.go(_HERE, done="password-off")


async def totp_begin(visit: Visit) -> Response:
    """Offer a secret for an authenticator app; it is kept once a code of it was right."""
    if visit.me.password_digest is None:
        raise Forbidden("A code goes with a password: set one first.")
    return await page(visit, **authenticator.fresh(visit, visit.me))


async def totp_confirm(visit: Visit) -> Response:
    """Keep the secret if the code is right."""
    shown = authenticator.again(visit, visit.me)
    try:
        kept, step = authenticator.confirmed(visit, visit.me)
    except Invalid as fault:
        return await refused(visit, fault, **shown)
    entry = visit.entry("admin.totp_on", visit.me.email)
    await visit.store.write(app.set_totp, visit.me.no, kept, step, entry)
    return visit.go(_HERE, done="totp")


async def totp_remove(visit: Visit) -> Response:
    """Forget the authenticator app; the password is asked for."""
    try:
        await confirming.check(visit)
    except (Invalid, TooSoon) as fault:
        return await refused(visit, fault, errors={"totp": fault.detail})
    entry = visit.entry("admin.totp_off", visit.me.email)
    await visit.store.write(app.set_totp, visit.me.no, None, 0, entry)
    return visit.go(_HERE, done="totp-off")


async def revoke(visit: Visit) -> Response:
    """End one of one's sessions."""
    entry = visit.entry("admin.session_revoke", visit.me.email)
    await visit.store.write(app.end_session, visit.me.no, visit.form("session"), entry)
    return visit.go(_HERE, done="revoked")


ROUTES = (
    Route("GET", _HERE, account),
    Route("POST", f"{_HERE}/name", rename),
    Route("POST", f"{_HERE}/password", password),
    Route("POST", f"{_HERE}/password/remove", password_remove),
    Route("POST", f"{_HERE}/totp", totp_begin),
    Route("POST", f"{_HERE}/totp/confirm", totp_confirm),
    Route("POST", f"{_HERE}/totp/remove", totp_remove),
    Route("POST", f"{_HERE}/sessions/revoke", revoke),
)
