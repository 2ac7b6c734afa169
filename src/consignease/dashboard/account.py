"""One's own account: name, password, authenticator app, sessions."""

import os

from starlette.responses import Response

from consignease.app import admins as app
from consignease.dashboard.visit import Route, Visit, errors_of
from consignease.domain import admins as rules
from consignease.domain import totp
from consignease.domain.faults import Invalid
from consignease.edge.vault import VaultError

_HERE = "/dashboard/account"


async def _page(visit: Visit, status: int = 200, **values: object) -> Response:
    sessions = await visit.store.read(app.sessions, visit.me.no, visit.now)
    shown: dict[str, object] = {"sessions": sessions, "pending": "", "uri": "", "sealed": ""}
    return visit.page("account.html", status=status, **{**shown, **values})


async def account(visit: Visit) -> Response:
    """Show the account."""
    return await _page(visit)


async def rename(visit: Visit) -> Response:
    """Change the name."""
    try:
        name = rules.check_name(visit.form("name"))
    except Invalid as fault:
        return await _page(visit, 422, errors=errors_of(fault))
    entry = visit.entry("admin.rename", visit.me.email, name)
    await visit.store.write(app.rename, visit.me.no, name, entry)
    return visit.go(_HERE, done="saved")


async def password(visit: Visit) -> Response:
    """Change the password; the present one is asked for."""
    try:
        await _check_present(visit)
        digest = await visit.deps.hash_password(rules.check_password(visit.form("password")))
    except Invalid as fault:
        return await _page(visit, 422, errors=errors_of(fault))
    assert visit.session is not None
    entry = visit.entry("admin.password", visit.me.email)
    keep = visit.session.hash
    await visit.store.write(app.change_password, visit.me.no, digest, keep, entry)
    return visit.go(_HERE, done="password")


async def _check_present(visit: Visit) -> None:
    digest = visit.me.password_digest or ""
    if not await visit.deps.verify_password(visit.form("present"), digest):
        raise Invalid("This is not your present password.", param="present")


async def totp_begin(visit: Visit) -> Response:
    """Offer a secret for an authenticator app; it is kept once a code of it was right."""
    secret = os.urandom(totp.SECRET_BYTES)
    sealed = visit.deps.vault.seal(secret, f"pending {visit.me.id}").hex()
    return await _page(
        visit, pending=totp.readable(secret), uri=totp.uri(secret, visit.me.email), sealed=sealed
    )


async def totp_confirm(visit: Visit) -> Response:
    """Keep the secret if the code is right."""
    sealed = visit.form("sealed")
    try:
        secret = visit.deps.vault.open(bytes.fromhex(sealed), f"pending {visit.me.id}")
    except (ValueError, IndexError, VaultError):
        raise Invalid("This form was altered.", detail="Set the app up again.") from None
    wall = round(visit.deps.wall() * 1000)
    step = totp.accepted_step(secret, visit.form("code"), wall, 0)
    if step is None:
        return await _page(
            visit,
            422,
            pending=totp.readable(secret),
            uri=totp.uri(secret, visit.me.email),
            sealed=sealed,
            errors={"code": "That code is wrong. Check the time of your phone."},
        )
    kept = visit.deps.vault.seal(secret, visit.me.id)
    entry = visit.entry("admin.totp_on", visit.me.email)
    await visit.store.write(app.set_totp, visit.me.no, kept, step, entry)
    return visit.go(_HERE, done="totp")


async def totp_remove(visit: Visit) -> Response:
    """Forget the authenticator app; the password is asked for."""
    try:
        await _check_present(visit)
    except Invalid as fault:
        return await _page(visit, 422, errors={"totp": fault.detail})
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
    Route("POST", f"{_HERE}/totp", totp_begin),
    Route("POST", f"{_HERE}/totp/confirm", totp_confirm),
    Route("POST", f"{_HERE}/totp/remove", totp_remove),
    Route("POST", f"{_HERE}/sessions/revoke", revoke),
)
