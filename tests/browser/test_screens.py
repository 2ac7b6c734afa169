"""Every screen, light, dark and on a phone: accessible, at home, within its width; and kept as pictures.

With ``CONSIGNEASE_SCREENS=1`` the pictures in docs/screens are written anew.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from consignease.app import admins, recovery
from consignease.app.admins import Entry, NewAdmin
from consignease.domain.passkeys import Registered
from consignease.store import passkeys
from tests.helpers import browser as helper
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "docs" / "screens"
AXE = ROOT / "tests" / "wire_compat" / "node_modules" / "axe-core" / "axe.min.js"
PEOPLE = "Grace Hopper,Alan Turing,Barbara Liskov,Donald Knuth,Katherine Johnson,Radia Perlman"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 820}},
    "dark": {"viewport": {"width": 1280, "height": 820}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 820}},
}
SIGNED_OUT = {"sign-in", "reset"}
"""Screens of whoever is not signed in; they come last."""
LOST = "grace@example.com"
RUN = """axe.run().then(found => found.violations.map(
  one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`))"""


class World:
    """A server with people and two endpoints, one of which refuses everything."""

    def __init__(self, server: RunningServer, state: Any, paths: dict[str, str]) -> None:
        self.server = server
        self.state = state
        self.paths = paths
        self.origin = origin_of(server)


def origin_of(server: RunningServer) -> str:
    """Where the Dashboard is by a name, as passkeys want it."""
    return f"http://localhost:{server.server.port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("screens") / "data"
    with (
        Receiver() as app,
        Receiver() as preview,
        RunningServer(folder, retry_schedule=[3600]) as server,
    ):
        app.respond(200, (("content-type", "text/plain"),), b"Webhook received")
        preview.respond(401, (), b'{"error": "Unauthorized: please sign in"}')
        context = browser.new_context()
        page = context.new_page()
        helper.set_up(page, server, origin_of(server))
        add_passkeys(server)
        client, app_id = server.client(), server.keys().application_id
        operator = {"url": f"{app.url}/operator", "description": "Pages whoever is on call"}
        client.call("POST", "/api/v1/operational-webhook/endpoint", operator)
        good, _ = add_endpoint(
            client, app_id, f"{app.url}/api/webhooks", description="The app on this machine"
        )
        bad, _ = add_endpoint(
            client,
            app_id,
            f"{preview.url}/api/webhooks",
            description="Preview deployment",
            filterTypes=["user.created", "user.deleted"],
        )
        add_poller(client, app_id)
        users: list[str] = []
        for name in PEOPLE.split(","):
            first, _, last = name.partition(" ")
            body = {
                "first_name": first,
                "last_name": last,
                "username": f"{first.lower()}_{last.lower()}",
                "email_address": [f"{first}.{last}@example.com".lower()],
                "public_metadata": {"plan": "pro", "seats": 3},
            }
            users.append(client.call("POST", "/v1/users", body).json["id"])
        client.close()
        preview.wait_for(len(users))
        page.goto(f"{origin_of(server)}/dashboard/development/endpoints/{bad['id']}/attempts")
        page.locator("#attempts tbody tr").nth(len(users) - 1).wait_for()
        message = page.locator("#attempts a.cover").first.get_attribute("href") or ""
        base = "/dashboard/development"
        paths = {
            "endpoints": f"{base}/endpoints",
            "add-endpoint": f"{base}/endpoints/new",
            "overview": f"{base}/endpoints/{bad['id']}",
            "secret": f"{base}/endpoints/{good['id']}/secret",
            "testing": f"{base}/endpoints/{good['id']}/testing",
            "attempts": f"{base}/endpoints/{bad['id']}/attempts",
            "advanced": f"{base}/endpoints/{good['id']}/advanced",
            "message": message,
            "logs": f"{base}/messages",
            "activity": f"{base}/activity",
            "catalog": f"{base}/events",
            "event": f"{base}/events/user.created",
            "operational": f"{base}/operational/endpoints",
            "brand": f"{base}/settings/portal",
            "users": f"{base}/users",
            "user": f"{base}/users/{users[0]}",
            "create-user": f"{base}/users/new",
            "keys": "/dashboard/production/keys",
            "settings": f"{base}/settings",
            "team": "/dashboard/team",
            "audit": "/dashboard/audit",
            "account": "/dashboard/account",
            "authenticator": "/dashboard/account?app",
            "missing": f"{base}/events/none",
            "sign-in": "/dashboard/sign-in",
            "reset": f"/dashboard/reset?token={lost_link(server)}",
        }
        state = context.storage_state()
        context.close()
        yield World(server, state, paths)


def add_poller(client: Client, app_id: str) -> None:
    """Add a polling endpoint with a consumer that has dealt with what there is so far."""
    body = {"uid": "warehouse", "name": "warehouse", "type": "pollingEndpoint"}
    client.call("POST", f"/api/v1/app/{app_id}/destination", body)
    here = f"/api/v1/app/{app_id}/poller/warehouse/consumer/nightly-load"
    iterator = client.call("GET", here).json["iterator"]
    client.call("GET", f"{here}?iterator={iterator}")


def add_passkeys(server: RunningServer) -> None:
    """Give the first account two passkeys, one of them in use."""
    now = server.server._clock.now()
    for number, name in enumerate(("MacBook", "Security key in the drawer")):
        made = Registered(name.encode(), b"", 0)
        server.write(passkeys.add, 1, made, name, now - (90 - number) * 86_400_000)
    server.write(passkeys.used, 1, 1, now - 7_200_000)


def lost_link(server: RunningServer) -> str:
    """Invite somebody who has no factor yet, and make a link for that account."""
    now = server.server._clock.now()
    entry = Entry("root (command line)", "", "admin.reset_link", LOST, "", None, now)
    lost = NewAdmin(id="adm_lost", email=LOST, name="Grace Hopper", role="admin")
    server.write(admins.invite, lost, entry)
    server.write(recovery.begin, LOST, "t" * 43, entry)
    return "t" * 43


def look(page: Page, name: str) -> None:
    """Bring a page to the state that is worth a picture."""
    if name == "add-endpoint":
        page.get_by_label("Endpoint URL").fill("http://localhost:3000/api/webhooks")
        page.get_by_role("checkbox", name="user.created").check()
        page.locator("#verdict svg").wait_for()
    elif name == "testing":
        page.get_by_role("button", name="Send Example").click()
        page.locator("#result").get_by_text("Succeeded").wait_for()
    elif name == "message":
        page.locator("details.fold summary").filter(has_text="Failed").first.click()
        page.locator("details.fold .notice.bad").first.wait_for()
    elif name == "brand":
        page.get_by_label("Name").fill("Acme Freight")
        page.get_by_label("Accent colour").fill("#0b7a75")
        page.get_by_label("Sites that may show it").fill("https://app.acme.example")
    elif name == "authenticator":
        page.get_by_role("button", name="Set up an app").click()
        page.locator("svg.qr").scroll_into_view_if_needed()
    elif name == "activity":
        page.locator(".chart canvas").first.wait_for()


@pytest.mark.parametrize("style", LOOKS)
def test_every_screen_is_accessible_at_home_and_fits(
    browser: Browser, world: World, style: str
) -> None:
    """No violation of axe-core, no request to another host, nothing wider than the screen."""
    context = browser.new_context(**LOOKS[style], storage_state=world.state)
    page = context.new_page()
    found = helper.watch(page, world.origin)
    wrong: list[str] = []
    axe = AXE.read_text(encoding="utf-8") if AXE.exists() else None
    for name, path in world.paths.items():
        if name in SIGNED_OUT:
            context.clear_cookies()
        page.goto(world.origin + path)
        look(page, name)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > LOOKS[style]["viewport"]["width"]:
            wrong.append(f"{name}: {width} pixels wide")
        if os.environ.get("CONSIGNEASE_SCREENS"):
            SCREENS.mkdir(exist_ok=True)
            page.screenshot(path=SCREENS / f"{name}-{style}.jpg", type="jpeg", quality=45)
        if axe is not None:
            page.evaluate(axe)
            wrong += [f"{name}: {line}" for line in page.evaluate(RUN)]
    context.close()
    assert wrong == []
    assert [one for one in found if "404" not in one] == []


def test_the_first_load_is_small(browser: Browser, world: World) -> None:
    """A page with all its scripts and styles is below 150 kB, the one with charts too."""
    context = browser.new_context(storage_state=world.state)
    page = context.new_page()
    for name in ("endpoints", "activity"):
        page.goto(world.origin + world.paths[name])
        page.wait_for_function("window.htmx !== undefined")
        carried = page.evaluate(
            "performance.getEntries().filter(e => e.encodedBodySize && !e.name.endsWith('/live'))"
            ".reduce((sum, e) => sum + e.encodedBodySize, 0)"
        )
        assert 0 < carried < 150_000, (name, carried)
    context.close()


def test_the_pictures_in_the_documentation_exist(world: World) -> None:
    """Each screen has its three pictures; they are kept small."""
    for name in world.paths:
        for style in LOOKS:
            picture = SCREENS / f"{name}-{style}.jpg"
            assert picture.exists(), picture
            assert picture.stat().st_size < 90_000, picture
