"""Users: the list with search, one user's page, and creating one."""

from typing import Any

import msgspec
from starlette.responses import Response

from consignease.app import admins
from consignease.app import users as app
from consignease.dashboard.visit import Form, Route, Visit
from consignease.domain import user_filter
from consignease.domain.faults import Fault, Invalid
from consignease.domain.messages import message_id
from consignease.domain.user_filter import Asked, Page
from consignease.domain.user_params import CreateParams, draft
from consignease.domain.users import Draft, User
from consignease.edge.passwords import PasswordTooLongError
from consignease.store import user_lists, views
from consignease.store.tx import Tx
from consignease.wire import json
from consignease.wire.json import Metadata

PAGE = 50
SHORTEST = 3
"""Shorter texts are not searched for: no index helps with them."""
COUNTED = 100_000
"""Users are counted to here: beyond, the list says more."""


def name_of(user: User) -> str:
    """Return what to call a user."""
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return name or user.username or primary(user) or user.id


def primary(user: User) -> str:
    """Return a user's primary email address; empty if there is none."""
    for email in user.emails:
        if email.id == user.primary_email_address_id:
            return email.value
    return user.emails[0].value if user.emails else ""


def metadata_of(form: Form, name: str) -> Metadata | None:
    """Read a metadata object from its field; None if the form has none.

    Raises:
        Invalid: it is no JSON object.
    """
    if name not in form:
        return None
    text = form(name).strip()
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise Invalid(f"This is not JSON: {error}.", param=name) from None
    if not isinstance(value, dict):
        raise Invalid("Metadata is one JSON object: { … }.", param=name)
    return value


def errors_beside(fault: Fault) -> dict[str, str]:
    """Return a fault beside its field."""
    param = (fault.param or "form").partition("[")[0]
    return {param: fault.detail}


def _list(tx: Tx, instance: int, query: str, banned: bool | None, after: str) -> dict[str, Any]:  # noqa: FBT001
    wanted = user_filter.build(Asked(query=query, banned=banned))
    order = user_filter.order("-created_at")
    rows = user_lists.page(tx, instance, wanted, Page(order, PAGE + 1, 0, after))
    total = None
    if not query and banned is None:
        total = views.count_users(tx, instance, COUNTED)
    return {"rows": rows, "total": total}


async def index(visit: Visit) -> Response:
    """List users; `q` searches names, addresses, usernames and ids."""
    query = visit.query("q").strip()[:256]
    banned = {"banned": True, "active": False}.get(visit.query("show"))
    after = visit.query("after")
    sought = query if len(query) >= SHORTEST else ""
    found = await visit.store.read(_list, visit.instance.no, sought, banned, after)
    return visit.page(
        "users.html",
        rows=found["rows"][:PAGE],
        more=found["rows"][PAGE - 1].id if len(found["rows"]) > PAGE else None,
        total=found["total"],
        counted=COUNTED,
        q=query,
        short=bool(query) and not sought,
        show=visit.query("show"),
        after=after,
        name_of=name_of,
        primary=primary,
    )


async def new(visit: Visit) -> Response:
    """Show the form for a new user."""
    return visit.page("user_new.html", form=visit.form)


async def create(visit: Visit) -> Response:
    """Create a user."""
    try:
        made = await _draft(visit)
        entry = visit.entry("user.create", ", ".join(one.value for one in made.emails))
        raw = await visit.store.write(
            admins.noted, entry, app.create, visit.instance, made, visit.now
        )
    except Fault as fault:
        errors = errors_beside(fault)
        return visit.page("user_new.html", status=422, form=visit.form, errors=errors)
    user_id = msgspec.json.decode(raw)["id"]
    return visit.go(f"{visit.base}/users/{user_id}", done="created")


async def _draft(visit: Visit) -> Draft:
    form = visit.form
    email = form("email_address").strip()
    made = draft(
        CreateParams(
            email_address=[email] if email else [],
            first_name=form("first_name").strip() or None,
            last_name=form("last_name").strip() or None,
            phone_number=[form("phone_number").strip()] if form("phone_number").strip() else [],
            username=form("username").strip() or None,
            external_id=form("external_id").strip() or None,
            password=form("password") or None,
            public_metadata=metadata_of(form, "public_metadata"),
            private_metadata=metadata_of(form, "private_metadata"),
        )
    )
    if not (made.emails or made.phones or made.values.username):
        msg = "Give an email address, a phone number or a username."
        raise Invalid(msg, param="email_address")
    if made.password is None:
        return made
    try:
        digest = await visit.deps.hash_password(made.password)
    except PasswordTooLongError as error:
        raise Invalid(f"{error}.", param="password") from None
    return msgspec.structs.replace(made, password=None, digest=digest)


def _read(tx: Tx, visit: Visit) -> dict[str, Any]:
    user = app.find(tx, visit.instance, visit.path["user"])
    wanted: dict[str, object] = {"type": "", "subject": user.id, "since": 0, "text": b""}
    rows, more, walked = views.log(tx, visit.instance.app, wanted, 2**60, 20)
    for row in rows:
        row["id"] = message_id(visit.instance.id, row["cursor"], row["at"])
    endpoints = [dict(row) for row in views.endpoints(tx, visit.instance.app)]
    return {"user": user, "events": rows, "more": more, "walked": walked, "endpoints": endpoints}


async def show(visit: Visit, status: int = 200, **values: Any) -> Response:
    """Show a user's page."""
    found = await visit.store.read(_read, visit)
    return visit.page(
        "user.html",
        status=status,
        **{**found, "form": visit.form, "name_of": name_of, "primary": primary, **values},
    )


async def user(visit: Visit) -> Response:
    """Show a user."""
    return await show(visit)


_HERE = "/dashboard/{instance}/users"
ROUTES = (
    Route("GET", _HERE, index),
    Route("POST", _HERE, create, "admin"),
    Route("GET", f"{_HERE}/new", new, "admin"),
    Route("GET", _HERE + "/{user}", user),
)
