"""The portal: what a token opens, and what it never does."""

import re

import pytest

from consignease.app import admins, portal
from consignease.dashboard.portal import ROUTES
from consignease.dashboard.site import ROUTES as DASHBOARD_ROUTES
from consignease.domain.access import CAPABILITIES, Need
from tests.helpers.pace import until
from tests.helpers.portal import READ_ONLY, Customer, Holder
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

COMPLETE = {"kind": "missing", "since": "1h", "event": "user.created", "example": "{}"}
"""What forms need to get as far as the endpoint that they are about."""
FORMS = [route for route in ROUTES if route.method == "POST"]


@pytest.fixture
def customer(server: RunningServer) -> Customer:
    return Customer(server)


def filled(
    path: str, customer: Customer, message: str = "msg_x", event: str = "user.created"
) -> str:
    """The rest of a route's path, about what a customer has."""
    names = {"app": "", "endpoint": customer.endpoint, "message": message, "event": event}
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], path).removeprefix("/portal/")


# Whom it refuses


def test_a_token_opens_no_other_application(server: RunningServer, customer: Customer) -> None:
    """Not by its id in the path, and no endpoint or message of it from within one's own."""
    other, foreign = Customer(server), Customer(server, "production")
    message = other.send(of="another customer")
    mine = customer.holder()
    for theirs in (other, foreign):
        wrong = Holder(server.base_url, theirs.app, mine.token)
        assert wrong.call("GET", "/endpoints").status == 404
        for route in ROUTES:
            sent = theirs.send() if route.method == "POST" else message
            path = filled(route.path, theirs, sent)
            if "endpoint}" in route.path or "message}" in route.path:
                form = {**COMPLETE, "message": sent}
                assert mine.call(route.method, path, form).status == 404, path
            assert wrong.call(route.method, path).status == 404, path
    assert other.endpoint not in mine.get("/endpoints")
    assert mine.call("GET", f"/messages/{message}").status == 404


def test_forms_cannot_name_what_is_not_ones_own(server: RunningServer, customer: Customer) -> None:
    """A message of another application is not sent to one's own endpoint, nor shown by a test."""
    other = Customer(server)
    message = other.send(secret="of another customer")
    mine = customer.holder()
    here = f"/endpoints/{customer.endpoint}"
    for action in ("resend", "release"):
        assert mine.post(f"{here}/{action}", message=message).status == 404
    shown = mine.call("GET", f"{here}/testing?sent={message}")
    assert shown.status == 200
    assert b"Nothing sent yet" in shown.body
    own = customer.send()
    theirs = mine.post(f"/messages/{own}/curl", endpoint=other.endpoint)
    assert theirs.status == 404
    assert b"whsec_" not in theirs.body


def test_nobody_without_a_live_token_gets_in(server: RunningServer, customer: Customer) -> None:
    """Made up, ended, of the wrong kind, or none: 401, and nothing of the application."""
    mine = customer.holder()
    keys = server.keys()
    ended = customer.holder()
    server.write(portal.log_out, ended.token)
    for token in ("", "appsk_x", ended.token, keys.secret_key, customer.secret, "x" * 5000):
        stranger = Holder(server.base_url, customer.app, token)
        for route in FORMS:
            answer = stranger.call("POST", filled(route.path, customer))
            assert answer.status == 401, route.path
        if token:
            answer = stranger.call("GET", "/endpoints")
            assert answer.status == 401
            assert b"This link is over" in answer.body
            assert customer.endpoint.encode() not in answer.body
    assert customer.endpoint in mine.get("/endpoints")


def test_a_token_that_ends_while_a_page_is_open_is_refused_at_once(
    server: RunningServer, customer: Customer
) -> None:
    """By its time or by expire-all: the next look at the page is answered with 401."""
    mine = customer.holder()
    assert mine.call("GET", "/endpoints").status == 200
    path = f"/api/v1/auth/app/{customer.app}/expire-all"
    assert customer.call("POST", path, {"expiry": 0}).status == 204
    assert mine.call("GET", "/endpoints").status == 401
    assert mine.post(f"/endpoints/{customer.endpoint}/secret/reveal").status == 401


def test_the_cookie_of_an_administrator_opens_nothing(
    server: RunningServer, customer: Customer
) -> None:
    """Authority is the header alone, so no site can make a browser act for its reader."""
    from tests.helpers.dashboard import Admin

    admin = Admin(server).set_up()
    for route in FORMS:
        path = f"/portal/{customer.app}{filled(route.path, customer)}"
        assert admin.post(path).status == 401, path
    frame = admin.call("GET", f"/portal/{customer.app}/endpoints")
    assert customer.endpoint.encode() not in frame.body
    token = {"Authorization": f"Bearer {customer.link()['token']}"}
    stranger = Admin(server)
    assert stranger.call("GET", "/dashboard/development/endpoints", None, token).status == 303
    for answer in (frame, customer.holder().call("GET", "/endpoints")):
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


# What capabilities allow


def test_every_form_takes_its_capability(server: RunningServer, customer: Customer) -> None:
    """Each is refused with 403 to a token that lacks it, before anything is done."""
    before = server.read(admins.notes, 2**60, 200)
    for held in (READ_ONLY, *(("ViewBase", one) for one in CAPABILITIES[1:])):
        holder = customer.holder(*held)
        for route in FORMS:
            assert route.need is not None
            if set(route.need.capabilities).isdisjoint(held):
                answer = holder.call("POST", filled(route.path, customer))
                assert answer.status == 403, (held, route.path, answer.status)
    assert server.read(admins.notes, 2**60, 200) == before


def test_every_route_of_the_portal_says_what_it_needs() -> None:
    """The portal has no page that changes something for whoever may only look; no users, no keys."""
    for route in ROUTES:
        assert route.path.startswith("/portal/{app}")
        reads = route.need in {Need.READ, Need.CATALOGUE}
        assert reads == (route.method == "GET") or "new" in route.path or "verdict" in route.path
    shown = {route.path.split("/")[3] for route in ROUTES if route.path.count("/") > 2}
    assert shown == {"endpoints", "messages", "events"}
    for route in DASHBOARD_ROUTES:
        if route.need is not None and route.method == "POST":
            assert route.role == "admin"


def test_who_may_only_look_sees_no_forms(server: RunningServer, customer: Customer) -> None:
    """No page of a read-only token has a form that would be refused, nor a secret."""
    with Receiver() as app:
        other = Customer(server, url=app.url)
        message = other.send()
        app.wait_for(1)
        looks = other.holder(*READ_ONLY)
        here = f"/endpoints/{other.endpoint}"
        pages = ["", *(here + tab for tab in ("", "/secret", "/testing", "/attempts", "/advanced"))]
        for path in (*pages, f"/messages/{message}", "/events", "/events/user.created"):
            text = looks.get(path)
            # The one that is left is Testing's choice of an event, which has no button.
            for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
                posts = 'method="post"' in form
                assert not posts or "<button" not in form or "disabled" in form, (path, form)
            assert other.secret not in text
            assert "Add Endpoint" not in text
        assert looks.call("GET", "/endpoints/new").status == 403


def test_a_secret_is_shown_to_who_may_see_it_and_that_is_noted(
    server: RunningServer, customer: Customer
) -> None:
    """Hidden until it is revealed; revealing and rotating are lines of the audit log."""
    here = f"/endpoints/{customer.endpoint}/secret"
    holder = customer.holder("ViewBase", "ViewEndpointSecret")
    assert customer.secret not in holder.get(here)
    assert customer.secret in holder.post(f"{here}/reveal").body.decode()
    assert holder.post(f"{here}/rotate").status == 403
    assert customer.holder("ViewBase", "ManageEndpointSecret").post(f"{here}/rotate").status == 303
    fresh = holder.post(f"{here}/reveal").body.decode()
    assert "WEBHOOK_SECRET=whsec_" in fresh
    assert customer.secret not in fresh
    lines = [
        (row["action"], row["who"], row["instance"])
        for row in server.read(admins.notes, 2**60, 50)
        if row["target"] == customer.endpoint
    ]
    who = (f"portal of {customer.app}", "development")
    assert lines == [(f"secret.{word}", *who) for word in ("reveal", "rotate", "reveal")]


# What it does


def test_an_endpoint_is_added_changed_paused_and_deleted(
    server: RunningServer, customer: Customer
) -> None:
    """By forms like the Dashboard's, in the customer's own application."""
    holder = customer.holder()
    text = holder.get("/endpoints/new")
    assert "Where should events go?" in text
    verdict = holder.get("/endpoints/verdict?url=http://169.254.169.254/")
    assert "verdict bad" in verdict
    bad = holder.post("/endpoints", url="ftp://x/", events_shown="1", description="Kept")
    assert bad.status == 422
    assert b'id="error-url"' in bad.body
    assert b'value="Kept"' in bad.body
    made = holder.post("/endpoints", url="http://127.0.0.1:9/new", events_shown="1")
    assert made.status == 303
    there = made.headers["location"].removeprefix(f"/portal/{customer.app}").partition("?")[0]
    changed = holder.post(
        there,
        url="http://127.0.0.1:9/new",
        description="Ours",
        events_shown="1",
        event_types=["user.created"],
    )
    assert changed.status == 303
    assert "Ours" in holder.get()
    assert 'name="backlog"' not in holder.get(f"{there}/advanced")
    treated = holder.post(there, retry_schedule="7", timeout="", max_concurrency="", backlog="0")
    assert treated.status == 303
    at = f"/api/v1/app/{customer.app}/endpoint/{there.rpartition('/')[2]}"
    client = server.client()
    found = client.call("GET", at).json
    client.close()
    assert (found["retrySchedule"], found["maxBacklogBytes"]) == ([7], None)
    assert holder.post(f"{there}/pause", paused="1").status == 303
    assert "Paused" in holder.get(there)
    assert holder.post(f"{there}/delete", confirm="no").status == 422
    assert holder.post(f"{there}/delete", confirm="http://127.0.0.1:9/new").status == 303
    assert holder.call("GET", there).status == 404
    assert customer.endpoint in holder.get()


def test_messages_are_sent_tried_explained_and_sent_again(server: RunningServer) -> None:
    """Testing, Message Attempts, a message's page, resend and replay."""
    with Receiver() as app:
        app.respond(404, (), b"no such page")
        customer = Customer(server, url=f"{app.url}/hooks")
        holder = customer.holder("ViewBase", "CreateAttempts")
        here = f"/endpoints/{customer.endpoint}"
        shown = holder.post(f"{here}/testing", event="user.created", example='{"id": "mine"}')
        assert shown.status == 200
        assert b'"id":"mine"' in app.wait_for(1)[0].body
        until(lambda: "404" in holder.get(f"{here}/attempts"))
        found = re.search(r"/messages/(msg_\w+)", holder.get(f"{here}/attempts"))
        assert found
        page = holder.get(f"/messages/{found[1]}")
        assert "no such page" in page
        assert "Webhook Attempts" in page
        assert "Copy as curl" not in page
        app.respond(200)
        again = holder.post(f"{here}/resend", message=found[1])
        assert again.status == 303
        app.wait_for(2)
        replay = holder.post(f"{here}/replay", kind="missing", since="1h")
        assert replay.status == 303


def test_customers_see_the_event_types_that_their_supplier_made(server: RunningServer) -> None:
    """In the tree, the catalog and Testing; one that an endpoint has already is not lost."""
    customer = Customer(server, "production")
    schema = {"1": {"type": "object", "examples": [{"total": 12}]}}
    body = {"name": "invoice.paid", "description": "An invoice was paid.", "schemas": schema}
    assert customer.call("POST", "/api/v1/event-type", body).status == 201
    holder = customer.holder()
    assert "invoice.paid" in holder.get("/events")
    assert "user.created" not in holder.get("/events")
    assert "total" in holder.get("/events/invoice.paid")
    here = f"/endpoints/{customer.endpoint}"
    path = f"/api/v1/app/{customer.app}/endpoint/{customer.endpoint}"
    assert customer.call("PATCH", path, {"filterTypes": ["user.deleted"]}).status == 200
    assert 'value="user.deleted" checked' in holder.get(here)
    form = {"url": "https://203.0.114.7/", "events_shown": "1"}
    assert holder.post(here, **form, event_types=["user.deleted", "invoice.paid"]).status == 303
    assert holder.post(here, **form, event_types=["none.such"]).status == 422
    found = customer.call("GET", path).json["filterTypes"]
    assert found == ["invoice.paid", "user.deleted"]
    assert "total" in holder.get(f"{here}/testing")
    sent = holder.post(f"{here}/testing", event="invoice.paid", example='{"total": 13}')
    message = re.search(rb"/messages/(msg_\w+)", sent.body)
    assert message
    assert "total" in holder.get(f"/messages/{message[1].decode()}")


def test_a_name_is_judged_without_telling_its_addresses(server: RunningServer) -> None:
    """What our resolver knows of a name is not for customers; a literal address is theirs."""
    holder = Customer(server).holder()
    page = holder.get("/endpoints/verdict?url=http://localhost:3000/")
    assert "verdict ok" in page
    assert "127.0.0.1" not in page
    assert "127.0.0.1" in holder.get("/endpoints/verdict?url=http://127.0.0.1:3000/")


def test_text_of_others_is_never_markup(server: RunningServer) -> None:
    """Descriptions, payloads and answers are shown as text here too."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    with Receiver() as app:
        app.respond(500, (("x-evil", evil),), evil.encode())
        customer = Customer(server, url=app.url)
        message = customer.send(**{evil: evil})
        app.wait_for(1)
        holder = customer.holder()
        here = f"/endpoints/{customer.endpoint}"
        assert holder.post(here, description=evil).status == 303
        until(lambda: "Failed" in holder.get(f"{here}/attempts"))
        for path in (
            "",
            here,
            f"{here}/attempts?subject={evil}".replace(" ", "+"),
            f"/messages/{message}",
        ):
            text = holder.get(path)
            assert "<script>alert" not in text, path
            assert "<img src=x" not in text, path
