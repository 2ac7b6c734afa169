"""One request to the Dashboard: who asks, about which instance, with what form."""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from consignease.app.admins import Entry
from consignease.dashboard import words
from consignease.dashboard.render import Renderer
from consignease.domain.access import Caller, Need
from consignease.domain.admins import Admin, Session
from consignease.domain.brand import Brand
from consignease.domain.faults import Fault, Forbidden, Invalid, TooLarge
from consignease.domain.instances import Instance
from consignease.edge.guard import Policy
from consignease.edge.resolver import Resolver
from consignease.edge.vault import Vault
from consignease.store.opening import AnyStore

FORM_LIMIT = 1024 * 1024
"""Largest form, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """What the pages work with.

    Attributes:
        instances: The instances by name.
        now: The steady time in milliseconds.
        wall: The wall clock in Unix seconds.
        changes: A number that grows with every commit; live pages watch it.
        forget_keys: Called when a secret key was revoked.
        setup_token: Opens the page that adds the first administrator.
        public_url: Where users reach the server, if that is known.
        started_at: When the server started, in milliseconds.
        cookie: Name of the session's cookie.
        secure: Whether browsers reach us by TLS.
        stopping: Whether the server is about to end.
    """

    store: AnyStore
    vault: Vault
    guards: Mapping[str, Policy]
    resolver: Resolver
    hash_password: Callable[[str], Awaitable[str]]
    verify_password: Callable[[str, str], Awaitable[bool]]
    instances: Callable[[], Mapping[str, Instance]]
    now: Callable[[], int]
    wall: Callable[[], float]
    changes: Callable[[], int]
    forget_keys: Callable[[], None]
    setup_token: str
    public_url: str
    started_at: int
    cookie: str
    secure: bool
    stopping: Callable[[], bool]
    render: Renderer = field(default_factory=Renderer)


def whole(text: str, digits: int = 17) -> int | None:
    """Read a number that somebody typed or a link holds; None if it is none."""
    plain = text.isascii() and text.isdigit() and len(text) <= digits
    return int(text) if plain else None


class Form:
    """The fields of a submitted form; the last of a repeated one counts."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._last = dict(pairs)

    def __call__(self, name: str, default: str = "") -> str:
        """Return a field."""
        return self._last.get(name, default)

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self._pairs if key == name]

    def __contains__(self, name: str) -> bool:
        return name in self._last


async def read_form(request: Request) -> Form:
    """Read a form.

    Raises:
        TooLarge: it is larger than `FORM_LIMIT`.
        Invalid: it cannot be read.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_LIMIT:
            raise TooLarge("The form is too large.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2_000)
    except ValueError:
        raise Invalid("The form cannot be read.") from None
    # A browser sends line ends as CR LF, whatever was typed.
    return Form([(name, value.replace("\r\n", "\n")) for name, value in pairs])


def csrf_token(session_token: str) -> str:
    """Return the token that every form of a session carries."""
    return sha256(b"csrf:" + session_token.encode("utf-8", "surrogatepass")).hexdigest()


class Place(Enum):
    """Whose endpoints a page is about, and in which frame it stands."""

    INSTANCE = "instance"
    OPERATIONAL = "operational"
    PORTAL = "portal"


_READING = frozenset({Need.READ, Need.CATALOGUE})


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request.

    Attributes:
        chosen: The instance that the page is about, as one of its applications sees it.
        caller: Who holds the portal token that came with it; None in the Dashboard.
        brand: How the portal is to look; None in the Dashboard.
    """

    request: Request
    deps: Deps
    path: dict[str, str]
    token: str = ""
    admin: Admin | None = None
    session: Session | None = None
    chosen: Instance | None = None
    place: Place = Place.INSTANCE
    caller: Caller | None = None
    brand: Brand | None = None
    form: Form = field(default_factory=lambda: Form([]))

    @property
    def now(self) -> int:
        """The time in milliseconds."""
        return self.deps.now()

    @property
    def store(self) -> AnyStore:
        """Runs units of work."""
        return self.deps.store

    @property
    def instance(self) -> Instance:
        """The instance that the path names."""
        assert self.chosen is not None
        return self.chosen

    @property
    def me(self) -> Admin:
        """Who is signed in."""
        assert self.admin is not None
        return self.admin

    @property
    def home(self) -> str:
        """Where the instance's pages begin in the Dashboard."""
        return f"/dashboard/{self.instance.name}"

    @property
    def base(self) -> str:
        """Where the pages of the endpoints in question begin."""
        if self.place is Place.PORTAL:
            return f"/portal/{self.instance.app_id}"
        return f"{self.home}/operational" if self.place is Place.OPERATIONAL else self.home

    @property
    def is_built_in(self) -> bool:
        """Whether the application in question carries the identity events."""
        if self.caller is not None:
            return self.caller.instance.app == self.instance.app
        return self.place is Place.INSTANCE

    def may(self, need: Need) -> bool:
        """Tell whether whoever asks may do what has that need: by token, or by role."""
        if self.caller is not None:
            return self.caller.may(need)
        return self.me.may("viewer" if need in _READING else "admin")

    def can(self, need: str) -> bool:
        """Tell the same, of a need's name as templates write it."""
        return self.may(Need[need.upper()])

    @property
    def ip(self) -> str:
        """Where the request came from."""
        return self.request.client.host if self.request.client else ""

    @property
    def origin(self) -> str:
        """Where the server is reached, as this browser sees it."""
        return f"{self.request.url.scheme}://{self.request.headers.get('host', '')}"

    def query(self, name: str) -> str:
        """Return a member of the query."""
        return self.request.query_params.get(name, "")

    def entry(self, action: str, target: str = "", detail: str = "", *, who: str = "") -> Entry:
        """Make a line for the audit log."""
        instance = None if self.chosen is None else self.chosen.name
        who = who or (self.admin.email if self.admin else "")
        if self.caller is not None:
            who = f"portal of {self.instance.app_id}"
        return Entry(who, self.ip, action, target[:256], detail[:512], instance, self.now)

    def page(self, template: str, /, *, status: int = 200, **values: Any) -> Response:
        """Render a page."""
        query = self.request.url.query
        known: dict[str, Any] = {
            "visit": self,
            "me": self.admin,
            "instance": self.chosen,
            "base": "" if self.chosen is None else self.base,
            "home": "" if self.chosen is None else self.home,
            "place": self.place.value,
            "layout": "portal.html" if self.place is Place.PORTAL else "base.html",
            "brand": self.brand,
            "root": f"/portal/{self.path['app']}" if "app" in self.path else "",
            "can": self.can,
            "csrf": csrf_token(self.token) if self.token else "",
            "now": self.now,
            "here": self.request.url.path,
            "url": self.request.url.path + (f"?{query}" if query else ""),
            "errors": {},
            "notice": words.NOTICES.get(self.query("done"), ""),
        }
        return HTMLResponse(self.deps.render.text(template, {**known, **values}), status)

    def go(self, path: str, **query: str) -> Response:
        """Send the browser to another of our pages."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)

    def need(self, role: str) -> None:
        """Check that whoever asks has at least a role.

        Raises:
            Forbidden: that is not so.
        """
        if not self.me.may(role):
            raise Forbidden(
                f"Your role is {self.me.role}: this takes the role {role}.",
                detail="Ask an owner of this Dashboard for it.",
            )

    def check_csrf(self) -> None:
        """Check that the form came from a page of this session.

        Raises:
            Forbidden: it did not.
        """
        given = self.request.headers.get("x-csrf-token") or self.form("csrf")
        if not hmac.compare_digest(given.encode(), csrf_token(self.token).encode()):
            raise Forbidden(
                "This form is from another session.", detail="Load the page again and repeat it."
            )


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One page or action.

    Attributes:
        role: The least role that it takes; empty if nobody has to be signed in.
        need: What a portal token has to be for; None if the portal does not have it.
        place: Whose endpoints it is about.
    """

    method: str
    path: str
    handler: Handler
    role: str = "viewer"
    need: Need | None = None
    place: Place = Place.INSTANCE


def mounted(routes: Iterable[Route], prefix: str, place: Place) -> tuple[Route, ...]:
    """Return the routes below ``/dashboard/{instance}`` as they are below another path."""
    below = len("/dashboard/{instance}")
    return tuple(replace(one, path=prefix + one.path[below:], place=place) for one in routes)


def errors_of(fault: Fault) -> dict[str, str]:
    """Return a fault as messages beside fields; under ``form`` if it names none."""
    return {fault.param or "form": fault.detail}
