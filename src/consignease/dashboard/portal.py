"""The portal as an ASGI application: the endpoint pages of one application, for its own customer.

The portal's token is all its authority, and comes in a header alone: what a
browser loads by itself, as a page or in a frame, is an empty frame without data,
whose script (static/portal.js) has the token and fetches the page with it. There
is no cookie, so that it works in frames where browsers keep cookies from third
parties, and so that no other site can make a browser act for a reader.
"""

import logging
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from consignease.app import brands, portal
from consignease.dashboard import catalog, static
from consignease.dashboard.site import (
    HEADERS,
    OF_ENDPOINTS,
    Receive,
    Scope,
    Send,
    policy,
    status_of,
)
from consignease.dashboard.visit import Deps, Place, Route, Visit, mounted, read_form
from consignease.domain import brand as rules
from consignease.domain.brand import Brand
from consignease.domain.faults import Fault, Forbidden, NotFound, Unauthenticated
from consignease.domain.keys import PORTAL_PREFIX
from consignease.edge.images import content_type

ROUTES: tuple[Route, ...] = mounted(
    (route for route in (*OF_ENDPOINTS, *catalog.ROUTES) if route.need is not None),
    "/portal/{app}",
    Place.PORTAL,
)
"""What the portal has: those of the Dashboard's pages that say what a token needs for them."""

_HERE = re.compile(r"/portal/(app_[0-9A-Za-z]{1,64})(/[^\s]*)?")
_KEEP = {"cache-control": "public, max-age=31536000, immutable"}
_STATIC = "/portal/static/"
_log = logging.getLogger("consignease.dashboard")


class Portal:
    """The ASGI application below ``/portal``."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._routes = [(compile_path(route.path)[0], route) for route in ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path.startswith(_STATIC):
            response = static.file(path.removeprefix(_STATIC))
        else:
            response = await self._answer(Request(scope, receive), path.rstrip("/"))
            response.headers.setdefault("cache-control", "no-store")
        own = response.headers.get("content-security-policy")
        response.headers.update(HEADERS)
        if own is not None:
            response.headers["content-security-policy"] = own
            # It knows no list of sites: the policy alone says who may.
            del response.headers["x-frame-options"]
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        visit = Visit(request=request, deps=self._deps, path={}, place=Place.PORTAL, brand=Brand())
        try:
            return await self._dispatch(visit, path)
        except Fault as fault:
            return _refused(visit, fault)
        except Exception:  # noqa: BLE001 - whatever it is, the answer is a page
            _log.exception("%s %s", request.method, path)
            fault = Fault("Something went wrong on our side.", detail="Try again in a moment.")
            return _refused(visit, fault, 500)

    async def _dispatch(self, visit: Visit, path: str) -> Response:
        found = _HERE.fullmatch(path)
        if found is None:
            raise NotFound("There is no such portal.")
        visit.path = {"app": found[1]}
        scheme, _, token = visit.request.headers.get("authorization", "").partition(" ")
        if not token and visit.request.method in {"GET", "HEAD"}:
            return await self._to_anybody(visit, found[2] or "")
        if scheme.lower() != "bearer" or not token.startswith(PORTAL_PREFIX):
            raise await _over(visit)
        who = await visit.store.read(portal.visitor, token.strip(), found[1], visit.now)
        if who is None:
            raise await _over(visit)
        visit.caller, visit.chosen = who
        visit.brand = await visit.store.read(brands.get, visit.caller.instance)
        return await self._page(visit, path)

    async def _page(self, visit: Visit, path: str) -> Response:
        method = "GET" if visit.request.method == "HEAD" else visit.request.method
        for pattern, route in self._routes:
            found = pattern.match(path)
            if found is not None and route.method == method:
                visit.path = found.groupdict()
                if route.need is None or not visit.may(route.need):
                    raise Forbidden("This link is not for that.", detail="Ask for another one.")
                if method == "POST":
                    visit.form = await read_form(visit.request)
                return await route.handler(visit)
        raise NotFound("There is no such page.")

    async def _to_anybody(self, visit: Visit, rest: str) -> Response:
        """Answer what a browser asks by itself: the frame without data, its colours, the logo."""
        brand = await visit.store.read(brands.of_application, visit.path["app"])
        if brand is None:
            raise NotFound("There is no such portal.")
        visit.brand = brand
        if rest == "/brand.css":
            return Response(rules.style(brand), media_type="text/css", headers=_KEEP)
        if rest == "/logo":
            return _logo(brand)
        response = visit.page("portal_frame.html")
        if brand.origins:
            response.headers["content-security-policy"] = policy(" ".join(brand.origins))
        return response


def _logo(brand: Brand) -> Response:
    if not brand.logo:
        raise NotFound("There is no logo.")
    body = rules.picture_of(brand.logo)
    return Response(body, media_type=content_type(body), headers=_KEEP)


async def _over(visit: Visit) -> Unauthenticated:
    visit.brand = await visit.store.read(brands.of_application, visit.path["app"]) or Brand()
    return Unauthenticated("This link is over.", detail="Ask for another one where you got it.")


def _refused(visit: Visit, fault: Fault, status: int = 0) -> Response:
    over = isinstance(fault, Unauthenticated)
    values: dict[str, Any] = {"fault": fault, "over": over}
    return visit.page("portal_fault.html", status=status or status_of(fault), **values)
