"""Every screen of the portal, as tests/browser/test_screens.py does it for the Dashboard."""

import base64
import os
import struct
import zlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_screens import AXE, LOOKS, RUN, SCREENS
from tests.helpers import browser as helper
from tests.helpers.portal import API, Customer
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))

EVENTS = {
    "invoice.created": "An invoice was made and can be looked at.",
    "invoice.paid": "An invoice was paid in full.",
    "shipment.delayed": "A shipment will arrive later than was promised.",
    "shipment.delivered": "A shipment was handed over.",
}
INVOICE = {"id": "inv_1042", "total": 129.5, "currency": "EUR", "lines": [{"sku": "A-7", "n": 2}]}
SCHEMA = {
    "1": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "total": {"type": "number"}},
        "required": ["id", "total"],
        "examples": [INVOICE],
    }
}


def logo() -> str:
    """A picture as somebody would bring one: a disc, as a PNG."""
    size, rows = 48, b""
    for y in range(size):
        rows += b"\0"
        for x in range(size):
            inside = (x - 23.5) ** 2 + (y - 23.5) ** 2 < 23**2
            hole = (x - 29) ** 2 + (y - 19) ** 2 < 9**2
            rows += bytes((11, 122, 117, 255 if inside and not hole else 0))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    return "data:image/png;base64," + base64.b64encode(png + chunk(b"IEND", b"")).decode()


class World:
    """A server with a customer, one of whose endpoints refuses everything."""

    def __init__(self, server: RunningServer, customer: Customer, paths: dict[str, str]) -> None:
        self.server = server
        self.customer = customer
        self.paths = paths


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("portal") / "data"
    with (
        Receiver() as app,
        Receiver() as staging,
        RunningServer(folder, retry_schedule=[3600]) as server,
    ):
        app.respond(200, (("content-type", "text/plain"),), b"Webhook received")
        staging.respond(404, (), b'{"error": "Cannot POST /hooks"}')
        client = server.client()
        for name, words in EVENTS.items():
            body = {"name": name, "description": words, "schemas": SCHEMA}
            assert client.call("POST", f"{API}/event-type", body).status == 201
        brand = {"name": "Acme Freight", "accent": "#0b7a75", "logo": logo()}
        assert client.call("PUT", f"{API}/portal-brand", brand).status == 200
        customer = Customer(server, url=f"{app.url}/hooks")
        path = f"{API}/app/{customer.app}/endpoint/{customer.endpoint}"
        client.call("PATCH", path, {"description": "Production"})
        bad, _ = add_endpoint(
            client,
            customer.app,
            f"{staging.url}/hooks",
            description="Staging",
            filterTypes=["invoice.paid", "shipment.delayed"],
        )
        client.close()
        for number, event in enumerate([*EVENTS, *EVENTS]):
            message = customer.send(event, **{**INVOICE, "id": f"inv_{1042 + number}"})
        app.wait_for(8)
        staging.wait_for(4)
        failed = (
            message if event in bad["filterTypes"] else customer.send("invoice.paid", **INVOICE)
        )
        staging.wait_for(5)
        good, worse = f"/endpoints/{customer.endpoint}", f"/endpoints/{bad['id']}"
        paths = {
            "portal": "",
            "portal-add-endpoint": "/endpoints/new",
            "portal-overview": worse,
            "portal-secret": f"{good}/secret",
            "portal-testing": f"{good}/testing?event=invoice.paid",
            "portal-attempts": f"{worse}/attempts",
            "portal-advanced": f"{good}/advanced",
            "portal-message": f"/messages/{failed}",
            "portal-catalog": "/events",
            "portal-event": "/events/invoice.paid",
            "portal-over": "",
        }
        yield World(server, customer, paths)


def look(page: Page, name: str) -> None:
    """Bring a page to the state that is worth a picture."""
    page.locator("#portal h1").first.wait_for()
    if name == "portal":
        expect(page.get_by_text("Failing")).to_be_visible()
    elif name == "portal-add-endpoint":
        page.get_by_label("Endpoint URL").fill("https://203.0.114.7/hooks")
        page.get_by_role("checkbox", name="invoice.paid").check()
        page.locator("#verdict svg").wait_for()
    elif name == "portal-secret":
        page.get_by_role("button", name="Reveal the signing secret").click()
        page.locator("#secret-value").wait_for()
    elif name == "portal-testing":
        page.get_by_role("button", name="Send Example").click()
        page.locator("#result").get_by_text("Succeeded").wait_for()
    elif name == "portal-message":
        page.locator("details.fold summary").filter(has_text="Failed").first.click()
        page.locator("details.fold .notice.bad").first.wait_for()


@pytest.mark.parametrize("style", LOOKS)
def test_every_screen_is_accessible_at_home_and_fits(
    browser: Browser, world: World, style: str
) -> None:
    """No violation of axe-core, no request to another host, nothing wider than the screen."""
    context = browser.new_context(**LOOKS[style])
    page = context.new_page()
    found = helper.watch(page, world.server.base_url)
    wrong: list[str] = []
    axe = AXE.read_text(encoding="utf-8") if AXE.exists() else None
    link = world.customer.link()
    root = link["url"].partition("#")[0]
    for name, path in world.paths.items():
        token = "appsk_over" if name == "portal-over" else link["token"]
        page.goto("about:blank")
        page.goto(f"{root}{path}#token={token}")
        look(page, name)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > LOOKS[style]["viewport"]["width"]:
            wrong.append(f"{name}: {width} pixels wide")
        if os.environ.get("CONSIGNEASE_SCREENS"):
            page.screenshot(path=SCREENS / f"{name}-{style}.jpg", type="jpeg", quality=45)
        if axe is not None:
            page.evaluate(axe)
            wrong += [f"{name}: {line}" for line in page.evaluate(RUN)]
    context.close()
    assert wrong == []
    assert [one for one in found if "401" not in one] == []


def test_a_forced_theme_does_not_follow_the_system(browser: Browser, world: World) -> None:
    """Light for a reader whose system is dark, dark for one whose system is light; both readable."""
    kept = world.customer.call("GET", f"{API}/portal-brand").json
    for theme, system, ground in (
        ("light", "dark", "250, 250, 251"),
        ("dark", "light", "14, 15, 18"),
    ):
        brand = {**kept, "theme": theme, "accent": "#ffd400"}
        assert world.customer.call("PUT", f"{API}/portal-brand", brand).status == 200
        context = browser.new_context(color_scheme=system)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(world.customer.link()["url"])
        look(page, "portal")
        shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert shown == f"rgb({ground})"
        if AXE.exists():
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(RUN) == []
        context.close()
    assert world.customer.call("PUT", f"{API}/portal-brand", kept).status == 200


def test_the_pictures_in_the_documentation_exist(world: World) -> None:
    """Each screen has its three pictures; they are kept small."""
    for name in world.paths:
        for style in LOOKS:
            picture = SCREENS / f"{name}-{style}.jpg"
            assert picture.exists(), picture
            assert picture.stat().st_size < 90_000, picture
