"""The Dashboard as an ASGI application: routes, sessions, checks, headers."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import compile_path

from consignease.app import admins as app
from consignease.app import operations
from consignease.dashboard import (
    access,
    account,
    account_passkeys,
    brand,
    catalog,
    endpoint_credentials,
    endpoint_pages,
    endpoint_signatures,
    endpoints,
    keys,
    live,
    logs,
    messages,
    passkeys,
    recovery,
    replays,
    sign_in,
    static,
    team,
    user_edit,
    users,
)
from consignease.dashboard.entering import refusal
from consignease.dashboard.visit import Deps, Place, Route, Visit, mounted, read_form
from consignease.domain.faults import (
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooSoon,
    Unauthenticated,
    Unavailable,
)
from consignease.domain.instances import Instance

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("consignease.dashboard")

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors "
)


def policy(frame_ancestors: str) -> str:
    """Return the content security policy of a page that some sites may frame."""
    return _CSP + frame_ancestors


HEADERS = {
    "content-security-policy": policy("'none'"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""What every answer carries; pages beyond that are never stored."""

_SEEN_EVERY_MS = 5 * 60_000
_NONE = 0
"""The number of no application."""
_STATUSES: tuple[tuple[type[Fault], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Unauthenticated, 401),
    (TooLarge, 413),
    (TooSoon, 429),
    (Unavailable, 503),
    (Invalid, 422),
)

OF_ENDPOINTS: tuple[Route, ...] = (
    *endpoints.ROUTES,
    *endpoint_pages.ROUTES,
    *endpoint_credentials.ROUTES,
    *endpoint_signatures.ROUTES,
    *replays.ROUTES,
    *messages.ROUTES,
)
"""The pages of an application's endpoints, whichever it is."""


def status_of(fault: Fault) -> int:
    """Return the status that a page about a fault has."""
    return next((code for kind, code in _STATUSES if isinstance(fault, kind)), 409)


ROUTES: tuple[Route, ...] = (
    *access.ROUTES,
    *sign_in.ROUTES,
    *passkeys.ROUTES,
    *recovery.ROUTES,
    *account.ROUTES,
    *account_passkeys.ROUTES,
    *team.ROUTES,
    *live.ROUTES,
    *OF_ENDPOINTS,
    *mounted(OF_ENDPOINTS, "/dashboard/{instance}/operational", Place.OPERATIONAL),
    *brand.ROUTES,
    *logs.ROUTES,
    *catalog.ROUTES,
    *users.ROUTES,
    *user_edit.ROUTES,
    *keys.ROUTES,
)


class Dashboard:
    """The ASGI application below ``/dashboard``."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self._routes = [(compile_path(route.path)[0], route) for route in ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        path: str = scope["path"]
        if path.startswith("/dashboard/static/"):
            response = static.file(path.removeprefix("/dashboard/static/"))
        else:
            response = await self._answer(request, path.rstrip("/") or "/dashboard")
            response.headers.setdefault("cache-control", "no-store")
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        visit = Visit(request=request, deps=self.deps, path={})
        try:
            return await self._dispatch(visit, path)
        except Fault as fault:
            status = status_of(fault)
            answer = visit.page("fault.html", status=status, fault=fault, status_code=status)
            answer.headers.update(refusal(fault)[1])
            return answer
        except Exception:  # noqa: BLE001 - whatever it is, the answer is a page
            _log.exception("%s %s", request.method, path)
            fault = Fault("Something went wrong on our side.", detail="The server's log has it.")
            return visit.page("fault.html", status=500, fault=fault, status_code=500)

    async def _dispatch(self, visit: Visit, path: str) -> Response:
        route = self._find(visit, path)
        await self._identify(visit)
        if visit.request.method == "POST":
            _check_origin(visit)
            visit.form = await read_form(visit.request)
        if route.role:
            if visit.admin is None:
                return await self._to_sign_in(visit)
            if visit.request.method == "POST":
                visit.check_csrf()
            visit.need(route.role)
        name = visit.path.get("instance")
        if name is not None:
            visit.chosen = self.deps.instances().get(name)
            if visit.chosen is None:
                raise NotFound("There is no such instance.")
        if route.place is Place.OPERATIONAL:
            visit.place, visit.chosen = route.place, await _operational(visit)
        return await route.handler(visit)

    def _find(self, visit: Visit, path: str) -> Route:
        method = "GET" if visit.request.method == "HEAD" else visit.request.method
        for pattern, route in self._routes:
            found = pattern.match(path)
            if found is not None and route.method == method:
                visit.path = found.groupdict()
                return route
        raise NotFound("There is no such page.")

    async def _identify(self, visit: Visit) -> None:
        token = visit.request.cookies.get(self.deps.cookie, "")
        if not token:
            return
        now = visit.now
        found = await visit.store.read(app.visitor, token, now)
        if found is None:
            return
        visit.token = token
        visit.admin, visit.session = found
        if now - visit.session.seen_at > _SEEN_EVERY_MS:
            await visit.store.write(app.seen, visit.session.hash, now)

    async def _to_sign_in(self, visit: Visit) -> Response:
        url = visit.request.url
        back = url.path + (f"?{url.query}" if url.query else "")
        if visit.request.headers.get("hx-request"):
            back = _own_path(visit.request.headers.get("hx-current-url", ""))
        elif visit.request.method != "GET":
            back = _own_path(visit.request.headers.get("referer", ""))
        target = f"/dashboard/sign-in?next={quote(back)}"
        if visit.request.headers.get("hx-request"):
            return PlainTextResponse("", 401, {"hx-redirect": target})
        return RedirectResponse(target, 303)


async def _operational(visit: Visit) -> Instance:
    """Return the instance as its operational application sees it; a form makes that if need be."""
    found = await visit.store.read(operations.existing, visit.instance)
    if found is None and visit.request.method == "POST":
        found = await visit.store.write(operations.application, visit.instance, visit.now)
    return found or msgspec.structs.replace(visit.instance, app=_NONE)


def _own_path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path if parts.path.startswith("/dashboard") else "/dashboard"
    return f"{path}?{parts.query}" if parts.query else path


def _check_origin(visit: Visit) -> None:
    """Check that a form was sent from one of our own pages (Fetch standard, Origin header).

    Raises:
        Forbidden: it was not, or the browser does not say.
    """
    request = visit.request
    public = urlsplit(visit.deps.public_url)
    own: Sequence[str] = (visit.origin, f"{public.scheme}://{public.netloc}")
    if request.headers.get("origin", "") not in own:
        raise Forbidden("This request did not come from the Dashboard.")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("This request did not come from the Dashboard.")
