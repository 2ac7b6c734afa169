"""Signing in with a passkey: it stands for the password and the code."""

import secrets

from starlette.responses import JSONResponse, Response

from consignease.app import admins
from consignease.app import passkeys as app
from consignease.dashboard.ceremony import challenge_of, in_words, issue, needed
from consignease.dashboard.entering import (
    cookie,
    count,
    open_session,
    safe_next,
    session,
    set_cookie,
)
from consignease.dashboard.sign_in import refused
from consignease.dashboard.visit import Route, Visit
from consignease.domain import tries
from consignease.domain.admins import Admin
from consignease.domain.faults import Fault, Forbidden, Invalid, NotFound
from consignease.domain.passkeys import Passkey, Site
from consignease.domain.tickets import LIFE_MS, Purpose
from consignease.edge import passkeys as edge
from consignease.edge.passkeys import PasskeyError

_HERE = "/dashboard/sign-in/passkey"
_GATE = "_gate"
_REFUSED = "This passkey was not accepted. Try again, or sign in another way."


async def begin(visit: Visit) -> Response:
    """Give the browser a challenge to sign in with."""
    try:
        site = needed(visit)
        await count(visit, (tries.by_address(visit.ip),))
    except Fault as fault:
        return in_words(fault)
    gate = secrets.token_urlsafe(32)
    challenge = await issue(visit, Purpose.PASSKEY, gate, None)
    response = JSONResponse(edge.request(site, challenge))
    set_cookie(visit, response, _GATE, gate, LIFE_MS[Purpose.PASSKEY] // 1000)
    return response


async def enter(visit: Visit) -> Response:
    """Check what the passkey signed, and open a session."""
    try:
        return await _enter(visit)
    except (Invalid, NotFound) as fault:
        return refused(visit, fault)


async def _enter(visit: Visit) -> Response:
    site, answer = needed(visit), visit.form("answer")
    challenge = await challenge_of(visit, Purpose.PASSKEY, cookie(visit, _GATE))
    passkey, admin = await _owner(visit, site, answer)
    try:
        signed = await edge.proved(site, challenge, answer, passkey.public_key)
    except PasskeyError as error:
        await _note_failure(visit, admin, passkey, str(error))
        raise Invalid(_REFUSED) from None
    token, opened = session(visit)
    detail = f"passkey {passkey.name}"
    entry = visit.entry("admin.sign_in", admin.email, detail, who=admin.email)
    tried = (tries.by_address(visit.ip), tries.by_account(admin.email))
    try:
        await visit.store.write(app.sign_in, passkey, signed, opened, tried, entry)
    except Forbidden:
        await _note_failure(visit, admin, passkey, "its counter went back: it may be copied")
        raise Invalid(_REFUSED) from None
    response = visit.go(safe_next(visit.form("next")))
    response.delete_cookie(visit.deps.cookie + _GATE, secure=visit.deps.secure, httponly=True)
    return open_session(visit, admin.id, response, token)


async def _owner(visit: Visit, site: Site, answer: str) -> tuple[Passkey, Admin]:
    try:
        claim = await edge.claim(site, answer)
    except PasskeyError:
        raise Invalid(_REFUSED) from None
    found = await visit.store.read(app.owner, claim.credential)
    if found is None:
        raise Invalid("This passkey is not, or no longer, known here.")
    if claim.user_handle != found[1].id.encode():
        await _note_failure(visit, found[1], found[0], "it was shown as another account's")
        raise Invalid(_REFUSED)
    return found


async def _note_failure(visit: Visit, admin: Admin, passkey: Passkey, why: str) -> None:
    detail = f"passkey {passkey.name}: {why}"
    entry = visit.entry("admin.sign_in_failed", admin.email, detail, who=admin.email)
    await visit.store.write(admins.note, entry)


ROUTES = (
    Route("POST", f"{_HERE}/challenge", begin, ""),
    Route("POST", _HERE, enter, ""),
)
