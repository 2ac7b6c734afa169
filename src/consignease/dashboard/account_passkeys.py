"""One's own passkeys: adding and removing them."""

from starlette.responses import JSONResponse, Response

from consignease.app import passkeys as app
from consignease.dashboard import confirming
from consignease.dashboard.account import refused
from consignease.dashboard.ceremony import challenge_of, in_words, issue, needed
from consignease.dashboard.visit import Route, Visit, whole
from consignease.domain import passkeys as rules
from consignease.domain.faults import Conflict, Fault, Invalid, NotFound
from consignease.domain.tickets import Purpose
from consignease.edge import passkeys as edge
from consignease.edge.passkeys import PasskeyError

_ACCOUNT = "/dashboard/account"


async def begin_adding(visit: Visit) -> Response:
    """Give the browser a challenge to make a passkey with; the password is asked for first."""
    try:
        site = needed(visit)
        rules.check_name(visit.form("passkey_name"))
        known = await visit.store.read(app.of, visit.me.no)
        rules.check_room(len(known))
        await confirming.check(visit)
    except Fault as fault:
        return in_words(fault)
    challenge = await issue(visit, Purpose.REGISTER, visit.token, visit.me.no)
    ids = [one.credential for one in known]
    return JSONResponse(edge.creation(site, challenge, visit.me.id, visit.me.email, ids))


async def add(visit: Visit) -> Response:
    """Keep the passkey that the browser has made."""
    try:
        return await _add(visit)
    except (Invalid, Conflict) as fault:
        return await refused(visit, fault)


async def _add(visit: Visit) -> Response:
    site = needed(visit)
    name = rules.check_name(visit.form("passkey_name"))
    challenge = await challenge_of(visit, Purpose.REGISTER, visit.token)
    try:
        made = await edge.registered(site, challenge, visit.form("answer"))
    except PasskeyError:
        text = "This passkey was not accepted: nothing was changed."
        raise Invalid(text, param="form") from None
    entry = visit.entry("admin.passkey_add", visit.me.email, name)
    await visit.store.write(app.add, visit.me.no, made, name, entry)
    return visit.go(_ACCOUNT, done="passkey")


async def remove(visit: Visit) -> Response:
    """Remove a passkey."""
    wanted = whole(visit.form("passkey")) or 0
    mine = {one.no: one for one in await visit.store.read(app.of, visit.me.no)}
    if wanted not in mine:
        raise NotFound("There is no such passkey.")
    entry = visit.entry("admin.passkey_remove", visit.me.email, mine[wanted].name)
    await visit.store.write(app.remove, visit.me.no, wanted, entry)
    return visit.go(_ACCOUNT, done="passkey-off")


ROUTES = (
    Route("POST", f"{_ACCOUNT}/passkeys/challenge", begin_adding),
    Route("POST", f"{_ACCOUNT}/passkeys", add),
    Route("POST", f"{_ACCOUNT}/passkeys/remove", remove),
)
