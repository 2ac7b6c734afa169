"""The portal in a real browser: by its link, in a frame of another site, and when its time is over."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Route, expect

from tests.helpers import browser as helper
from tests.helpers.portal import READ_ONLY, Customer
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("portal") / "data"
    with RunningServer(folder, retry_schedule=[3600]) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1180, "height": 900})
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@contextmanager
def site(markup: str) -> Iterator[str]:
    """A page of somebody else, on an origin of its own: `localhost`, where the server is 127.0.0.1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(markup.encode() if self.path == "/" else b"")

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            """Say nothing."""

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://localhost:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def framing(url: str, **attributes: str) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        "<!doctype html><title>A customer's app</title>"
        f'<iframe src="{url}" width="1000" height="800" title="Webhooks"{more}></iframe>'
    )


def walk(place: Page | FrameLocator, url: str, receiver: Receiver) -> None:
    """Add an endpoint, see its secret, send an example, see the attempt, fail, resend."""
    place.get_by_role("link", name="Add Endpoint").first.click()
    place.get_by_label("Endpoint URL").fill(url)
    expect(place.locator("#verdict")).to_contain_text("Fine")
    place.get_by_role("checkbox", name="user.created").check()
    expect(place.locator("[data-count]")).to_have_text("1 selected")
    place.get_by_role("button", name="Create").click()
    expect(place.get_by_role("heading", name=url)).to_be_visible()
    expect(place.get_by_text("Created.")).to_be_visible()
    place.get_by_role("link", name="Signing Secret").click()
    place.get_by_role("button", name="Reveal the signing secret").click()
    expect(place.locator("#secret-value")).to_contain_text("whsec_")
    place.get_by_role("link", name="Testing").click()
    place.get_by_role("button", name="Send Example").click()
    expect(place.locator("#result")).to_contain_text("500")
    receiver.respond(200)
    place.get_by_role("link", name="Message Attempts").first.click()
    place.locator("#attempts a.cover").first.click()
    expect(place.get_by_role("heading", name="Webhook Attempts")).to_be_visible()
    place.get_by_role("button", name="Resend", exact=True).click()
    # Nothing is clicked any more: the page follows by itself.
    expect(place.locator("#deliveries .card").first).to_contain_text("Accepted after 2 tries")


def test_the_link_opens_a_page_that_keeps_its_token_to_itself(
    page: Page, server: RunningServer
) -> None:
    """Walked from the first endpoint to a resend; the token is in no address and no cookie."""
    customer = Customer(server)
    found = helper.watch(page, server.base_url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    link = customer.link()
    with Receiver() as app:
        app.respond(500)
        page.goto(link["url"])
        expect(
            page.get_by_text(customer.endpoint).or_(page.get_by_text("Of customer")).first
        ).to_be_visible()
        assert "#" not in page.url
        walk(page, f"{app.url}/hooks", app)
    page.reload()
    expect(page.locator("#deliveries")).to_be_visible()
    resent = page.url
    page.go_back()  # one step: the resend has ended where it began
    expect(page.locator("#attempts")).to_be_visible()
    page.go_forward()
    expect(page.locator("#deliveries")).to_be_visible()
    assert page.url == resent
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    token = link["token"]
    assert not [url for url in asked if token in url and url != link["url"]]
    assert not [line for line in found if "500" not in line]


@pytest.mark.parametrize("storage", [True, False])
def test_it_works_in_a_frame_of_another_site(
    page: Page, server: RunningServer, *, storage: bool
) -> None:
    """Plain http, another origin, and no storage for third parties if the browser denies it."""
    customer = Customer(server)
    if not storage:
        # As a browser does that blocks the storage of third parties.
        page.add_init_script(
            "if (self !== top) Object.defineProperty(window, 'sessionStorage',"
            " { get() { throw new DOMException('denied', 'SecurityError'); } });"
        )
    with Receiver() as app, site(framing(customer.link()["url"])) as origin:
        assert customer.call("PUT", "/api/v1/portal-brand", {"origins": [origin]}).status == 200
        app.respond(500)
        page.goto(origin)
        frame = page.frame_locator("iframe")
        walk(frame, f"{app.url}/hooks", app)
        assert page.context.cookies() == []


@pytest.mark.parametrize("listed", [[], ["https://app.example.com"], ["http://localhost:1"]])
def test_a_site_that_is_not_listed_frames_nothing(
    page: Page, server: RunningServer, listed: list[str]
) -> None:
    """The browser shows the site an empty frame, and the portal's script never runs."""
    customer = Customer(server)
    customer.call("PUT", "/api/v1/portal-brand", {"origins": listed})
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    ran: list[str] = []
    page.on(
        "request", lambda request: ran.append(request.url) if "portal.js" in request.url else None
    )
    with site(framing(customer.link()["url"])) as origin:
        page.goto(origin)
        page.wait_for_load_state("networkidle")
        assert any("frame" in line for line in refused), refused
        assert page.frame_locator("iframe").get_by_role("link", name="Add Endpoint").count() == 0
        assert ran == []


def test_the_dashboard_is_never_framed(page: Page, server: RunningServer) -> None:
    """Not even by a site that may frame the portal."""
    customer = Customer(server)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    with site(framing(f"{server.base_url}/dashboard/sign-in")) as origin:
        customer.call("PUT", "/api/v1/portal-brand", {"origins": [origin]})
        page.goto(origin)
        page.wait_for_load_state("networkidle")
        assert any("frame" in line for line in refused), refused
        assert page.frame_locator("iframe").get_by_label("Email address").count() == 0


def test_a_link_that_ends_closes_the_open_page(page: Page, server: RunningServer) -> None:
    """The page says so by itself, shows nothing more, and a reload does not bring it back."""
    customer = Customer(server)
    page.goto(customer.link()["url"])
    expect(page.get_by_text("Of customer")).to_be_visible()
    customer.call("POST", f"/api/v1/auth/app/{customer.app}/expire-all", {"expiry": 0})
    expect(page.get_by_role("heading", name="This link is over.")).to_be_visible()
    expect(page.get_by_text("Of customer")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Open this page by the link")).to_be_visible()
    page.goto(customer.link()["url"])
    expect(page.get_by_text("Of customer")).to_be_visible()


def test_a_page_follows_although_the_one_before_was_left_while_it_was_looked_at(
    page: Page, server: RunningServer
) -> None:
    """An answer that comes for a page that is no longer there does not stop the next one."""
    customer = Customer(server)
    held: list[Route] = []
    page.goto(customer.link()["url"])
    expect(page.get_by_text("Of customer")).to_be_visible()
    page.route(re.compile(r"/portal/app_\w+$"), lambda route: held.append(route))
    with page.expect_request(re.compile(r"/portal/app_\w+$")):
        pass
    page.locator("a.cover").first.click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    held[0].continue_()
    with page.expect_request(re.compile(r"/endpoints/ep_\w+$")):
        pass


def test_who_may_only_look_is_shown_no_way_to_do_more(page: Page, server: RunningServer) -> None:
    """The list, an endpoint, its tabs and the catalog; no button that would be refused."""
    customer = Customer(server)
    page.goto(customer.link(*READ_ONLY)["url"])
    page.get_by_role("link", name=re.compile("127.0.0.1:9")).click()
    for tab in ("Signing Secret", "Testing", "Message Attempts", "Advanced", "Overview"):
        page.get_by_role("navigation", name="Endpoint").get_by_role("link", name=tab).click()
        expect(page.get_by_role("link", name=tab)).to_have_attribute("aria-current", "page")
        for name in ("Send Example", "Pause", "Rotate", "Save", "Reveal", "Delete", "Replay"):
            expect(page.get_by_role("button", name=re.compile(name))).to_have_count(0)
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Event Catalog").click()
    page.get_by_role("link", name="user.created").click()
    expect(page.get_by_role("heading", name="user.created")).to_be_visible()
