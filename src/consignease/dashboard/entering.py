"""What every way into the Dashboard has in common: sessions, cookies, counted tries."""

import base64
import os
import secrets
from binascii import Error as NotBase64
from urllib.parse import urlsplit

from starlette.responses import Response

from consignease.app import tries as app
from consignease.app.admins import new_session
from consignease.dashboard.visit import Visit
from consignease.domain import admins as rules
from consignease.domain import tries
from consignease.domain.admins import Admin
from consignease.domain.faults import Fault, TooSoon
from consignease.edge.vault import VaultError

HOME = "/dashboard/development/endpoints"
KNOWN_SECONDS = 365 * 24 * 3600
"""For how long a browser is known after it has signed in."""


def safe_next(target: str) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    parts = urlsplit(target)
    own = target.startswith("/dashboard/") and not parts.netloc and not parts.scheme
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if own and plain and "sign-in" not in target else HOME


def session(visit: Visit) -> tuple[str, rules.Session]:
    """Make a session, and the token that its browser holds."""
    token = secrets.token_urlsafe(32)
    agent = visit.request.headers.get("user-agent", "")
    return token, new_session(token, visit.ip, agent, visit.now)


def open_session(visit: Visit, admin_id: str, response: Response, token: str) -> Response:
    """Give the browser the session, and let it be known to the account."""
    set_cookie(visit, response, "", token, rules.SESSION_MS // 1000)
    known = base64.urlsafe_b64encode(visit.deps.vault.seal(os.urandom(16), _belongs(admin_id)))
    set_cookie(visit, response, "_known", known.decode(), KNOWN_SECONDS)
    return response


def set_cookie(visit: Visit, response: Response, suffix: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads and no other site sends."""
    response.set_cookie(
        visit.deps.cookie + suffix,
        value,
        max_age=seconds,
        path="/",
        secure=visit.deps.secure,
        httponly=True,
        samesite="strict",
    )


def cookie(visit: Visit, suffix: str) -> str:
    """Return what the browser holds beside its session."""
    return visit.request.cookies.get(visit.deps.cookie + suffix, "")


def counted_by(visit: Visit, email: str, admin: Admin | None) -> tuple[tries.Key, ...]:
    """Return what a try to sign in is counted by."""
    known = cookie(visit, "_known")
    if admin is not None and _opens(visit, known, admin.id):
        return tries.by_address(visit.ip), tries.by_browser(known)
    return tries.by_address(visit.ip), tries.by_account(email)


def _belongs(admin_id: str) -> str:
    return f"known browser {admin_id}"


def _opens(visit: Visit, sealed: str, admin_id: str) -> bool:
    try:
        visit.deps.vault.open(base64.urlsafe_b64decode(sealed), _belongs(admin_id))
    except (VaultError, NotBase64, ValueError, IndexError):
        return False
    return True


async def count(visit: Visit, keys: tuple[tries.Key, ...], param: str | None = None) -> None:
    """Count a try.

    Raises:
        TooSoon: it has to wait.
    """
    wait_ms = await visit.store.write(app.take, keys, visit.now)
    if wait_ms:
        raise TooSoon(wait_ms, param=param)


def refusal(fault: Fault) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of a form that comes back with words."""
    if isinstance(fault, TooSoon):
        return 429, {"retry-after": str(fault.seconds)}
    return 422, {}
