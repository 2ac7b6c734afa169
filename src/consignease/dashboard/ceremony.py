"""What signing in with a passkey and adding one have in common: where, and challenges.

A browser asks for a challenge, which is kept here, is good once and only for
that browser: for whoever is not signed in yet a cookie of its own stands for
the session.
"""

import os
from typing import Any

from starlette.responses import JSONResponse, Response

from consignease.app import tickets
from consignease.app.admins import token_hash
from consignease.dashboard.entering import refusal
from consignease.dashboard.visit import Visit
from consignease.domain import passkeys as rules
from consignease.domain.faults import Fault, Forbidden, Invalid
from consignease.domain.passkeys import Site
from consignease.domain.tickets import Purpose


def _site(visit: Visit) -> Site | None:
    return rules.site(visit.deps.public_url, visit.request.headers.get("host", ""))


def offered(visit: Visit) -> dict[str, Any]:
    """Return whether passkeys work at the address that the browser uses, and where else they do."""
    site, host = _site(visit), visit.request.headers.get("host", "")
    name, _, port = host.rpartition(":") if ":" in host else (host, "", "")
    if site is not None:
        here = site.origin.partition("://")[2] == host
        return {"passkeys": here, "passkeys_at": "" if here else f"{site.origin}/dashboard"}
    local = not visit.deps.public_url and name in {"127.0.0.1", "[::1]"}
    return {"passkeys": False, "passkeys_at": f"http://localhost:{port}/dashboard" if local else ""}


def needed(visit: Visit) -> Site:
    """Return where passkeys work.

    Raises:
        Forbidden: they do not, at this address.
    """
    site = _site(visit)
    if site is None:
        raise Forbidden("Passkeys do not work at this address.")
    return site


async def issue(visit: Visit, purpose: Purpose, holder: str, admin: int | None) -> bytes:
    """Make a challenge for whoever holds a token, and keep it until it is taken."""
    challenge = os.urandom(rules.CHALLENGE_BYTES)
    hashed = token_hash(f"{purpose} {holder}")
    await visit.store.write(tickets.issue, hashed, purpose, admin, challenge, visit.now)
    return challenge


async def challenge_of(visit: Visit, purpose: Purpose, holder: str) -> bytes:
    """Take the challenge that this browser was given; nobody gets it twice.

    Raises:
        Invalid: there is none, or no longer.
    """
    hashed = token_hash(f"{purpose} {holder}")
    ticket = await visit.store.write(tickets.take, hashed, purpose, visit.now)
    if ticket is None or not ticket.challenge:
        raise Invalid("That took too long: try again.", param="form")
    return ticket.challenge


def in_words(fault: Fault) -> Response:
    """Answer the page's script, which shows the words."""
    status, headers = refusal(fault)
    return JSONResponse({"error": fault.detail}, status, headers)
