"""The guide's road through the Dashboard, walked in a real browser as it is worded."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from consignease.webhooks import verify_webhook
from tests.helpers import browser as helper
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data", retry_schedule=[]) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A page of somebody who has just made the first account; it must stay at home."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    found = helper.watch(opened, server.base_url)
    helper.set_up(opened, server)
    yield opened
    context.close()
    assert found == []


def add(page: Page, url: str) -> None:
    """Step 3: Webhooks, Add Endpoint, Endpoint URL, Subscribe to events, Create."""
    menu = page.get_by_role("navigation", name="Main")
    menu.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add Endpoint").first.click()
    page.get_by_label("Endpoint URL").fill(url)
    page.get_by_role("group", name="Subscribe to events").get_by_role(
        "checkbox", name="user.created"
    ).check()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=url)).to_be_visible()


def reveal(page: Page) -> str:
    """Step 4: the signing secret behind its eye."""
    page.get_by_role("link", name="Signing Secret").click()
    expect(page.locator("#secret")).not_to_contain_text(re.compile("whsec_[A-Za-z0-9]"))
    page.get_by_role("button", name="Reveal the signing secret").click()
    expect(page.locator("#env-line")).to_contain_text("CLERK_WEBHOOK_SIGNING_SECRET=whsec_")
    return page.locator("#secret-value").inner_text()


def test_from_the_first_endpoint_to_a_received_example(page: Page) -> None:
    """Steps 3, 4 and 9: create, reveal, Select event, Send Example, Succeeded; it verifies."""
    with Receiver() as app:
        add(page, f"{app.url}/api/webhooks")
        secret = reveal(page)
        page.get_by_role("link", name="Testing").click()
        page.get_by_label("Select event").select_option("user.created")
        page.get_by_role("button", name="Send Example").click()
        expect(page.locator("#result")).to_contain_text("Succeeded")
        got = app.wait_for(1)[0]
        event = verify_webhook(got.body, dict(got.headers), secret=secret)
        assert event.type == "user.created"
        page.get_by_role("link", name="Message Attempts").first.click()
        expect(page.locator("#attempts tbody tr")).to_have_count(1)
        expect(page.locator("#attempts tbody tr")).to_contain_text("Succeeded")


def test_ed25519_signatures_are_switched_on_and_their_key_verifies(page: Page) -> None:
    """Advanced: Switch on, the public key and the key set to copy; off again with a question."""
    with Receiver() as app:
        add(page, f"{app.url}/api/webhooks")
        page.get_by_role("link", name="Advanced").click()
        card = page.locator("#signatures")
        expect(card).to_contain_text("Off")
        card.get_by_role("button", name="Switch on").click()
        key = card.locator("#public-key-1").inner_text()
        assert key.startswith("whpk_")
        expect(card.get_by_role("button", name="Copy")).to_have_count(2)
        found = page.request.get(card.locator("#key-set").inner_text())
        assert len(found.json()["keys"]) == 1
        page.get_by_role("link", name="Testing").click()
        page.get_by_role("button", name="Send Example").click()
        got = app.wait_for(1)[0]
        assert verify_webhook(got.body, dict(got.headers), secret=key).type == "user.created"
        page.get_by_role("link", name="Advanced").click()
        card.locator("summary").click()
        card.get_by_role("button", name="Switch off").click()
        expect(card).to_contain_text("Off")
        expect(card.locator("#public-key-1")).to_have_count(0)


def test_an_edited_example_is_what_arrives(page: Page) -> None:
    """The payload can be edited; what is no JSON is refused beside it and nothing is lost."""
    with Receiver() as app:
        add(page, f"{app.url}/api/webhooks")
        page.get_by_role("link", name="Testing").click()
        page.get_by_label("Select event").select_option("session.created")
        expect(page.get_by_label("Payload")).to_have_value(re.compile('"sess_'))
        page.get_by_label("Payload").fill('{"id": "mine",')
        page.get_by_role("button", name="Send Example").click()
        expect(page.locator("#result")).to_contain_text("This is not JSON")
        expect(page.get_by_label("Payload")).to_have_value('{"id": "mine",')
        page.get_by_label("Payload").fill('{"id": "mine"}')
        page.get_by_role("button", name="Send Example").click()
        expect(page.locator("#result")).to_contain_text("Succeeded")
        assert b'"data":{"id":"mine"}' in app.wait_for(1)[0].body


def test_a_failed_message_is_explained_and_sent_again(page: Page, server: RunningServer) -> None:
    """Step 10: Message Attempts, Failed, Webhook Attempts, the arrow, the error; replay."""
    with Receiver() as app:
        app.respond(401, (), b"Please sign in")
        add(page, f"{app.url}/api/webhooks")
        client = server.client()
        client.call("POST", "/v1/users", {"email_address": ["grace@example.com"]})
        client.close()
        app.wait_for(1)
        page.get_by_role("link", name="Message Attempts").click()
        row = page.locator("#attempts tbody tr").filter(has_text="Failed")
        expect(row).to_have_count(1)
        row.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Webhook Attempts")).to_be_visible()
        page.locator("details.fold summary").filter(has_text="Failed").first.click()
        expect(page.locator("details.fold").first).to_contain_text("/api/webhooks(.*)")
        expect(page.locator("details.fold").first).to_contain_text("Please sign in")
        page.get_by_label("Replay menu").click()
        for words in ("Resend this message", "Replay all failed since", "Replay all missing since"):
            expect(page.get_by_role("button", name=words)).to_be_visible()
        app.respond(200)
        page.get_by_role("button", name="Replay all failed since").click()
        expect(page.locator("#deliveries .card").first).to_contain_text("Accepted after 2 tries")
        assert len(app.wait_for(2)) == 2
        page.get_by_role("button", name="Resend", exact=True).click()
        assert len(app.wait_for(3)) == 3


def test_production_is_another_world(page: Page, server: RunningServer) -> None:
    """Step 12: the switch, an endpoint of its own with its own secret, private addresses refused."""
    with Receiver() as app:
        add(page, f"{app.url}/api/webhooks")
        secret = reveal(page)
        page.get_by_role("link", name="Production").click()
        expect(page.locator(".stripe")).to_be_visible()
        page.get_by_role("link", name="Webhooks").click()
        expect(page.get_by_text("No endpoints yet")).to_be_visible()
        page.get_by_role("link", name="Add Endpoint").click()
        page.get_by_label("Endpoint URL").fill(f"{app.url}/api/webhooks")
        expect(page.locator("#verdict")).to_contain_text("public addresses")
        page.get_by_role("button", name="Create").click()
        expect(page.locator("#error-url")).to_be_visible()
        add(page, "https://203.0.114.7/api/webhooks")
        assert reveal(page) != secret
        page.get_by_role("link", name="API keys").click()
        expect(page.get_by_text(server.keys("production").publishable_key)).to_be_visible()


def test_pages_follow_what_happens_and_survive_a_restart(browser: Browser, tmp_path: Path) -> None:
    """Attempts appear without a reload, also after the server was down."""
    context = browser.new_context()
    page = context.new_page()
    with Receiver() as app:
        with RunningServer(tmp_path / "data") as server:
            port = server.server.port
            helper.set_up(page, server)
            client = server.client()
            endpoint, _ = add_endpoint(client, server.keys().application_id, f"{app.url}/x")
            page.goto(
                f"{server.base_url}/dashboard/development/endpoints/{endpoint['id']}/attempts"
            )
            client.call("POST", "/v1/users", {"email_address": ["one@example.com"]})
            expect(page.locator("#attempts tbody tr")).to_have_count(1)
            client.close()
        expect(page.locator("body")).to_have_class("offline")
        page.evaluate("window.sameDocument = true")
        with RunningServer(tmp_path / "data", port=port) as server:
            expect(page.locator("body")).not_to_have_class("offline")
            client = server.client()
            client.call("POST", "/v1/users", {"email_address": ["two@example.com"]})
            expect(page.locator("#attempts tbody tr")).to_have_count(2)
            assert page.evaluate("window.sameDocument")
            client.close()
            context.close()


def test_users_are_found_while_one_types(page: Page, server: RunningServer) -> None:
    """Create, search as you type, edit metadata with validation, ban, delete; each an event."""
    page.get_by_role("link", name="Users").click()
    page.get_by_role("link", name="Create user").first.click()
    page.get_by_label("Email address").fill("grace@example.com")
    page.get_by_label("First name").fill("Grace")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Grace")).to_be_visible()
    expect(page.locator("#events")).to_contain_text("user.created")
    page.get_by_label("Public").fill("{nonsense")
    page.get_by_role("button", name="Save metadata").click()
    expect(page.locator("#error-public_metadata")).to_contain_text("not JSON")
    expect(page.get_by_label("Public")).to_have_value("{nonsense")
    page.get_by_label("Public").fill('{"plan": "pro"}')
    page.get_by_role("button", name="Save metadata").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    user_id = page.locator("#user-id").inner_text()
    page.get_by_role("link", name="Users").first.click()
    page.get_by_label("Search users").press_sequentially("gra")
    expect(page.locator("#users tbody tr")).to_have_count(1)
    page.get_by_label("Search users").press_sequentially("zzz")
    expect(page.locator("#users")).to_contain_text("Nobody found")
    page.goto(f"{server.base_url}/dashboard/development/users/{user_id}")
    page.get_by_text("Actions").click()
    page.get_by_role("button", name=re.compile("^Ban")).click()
    expect(page.locator(".title")).to_contain_text("Banned")
    page.get_by_label("Type the id to confirm").fill(user_id)
    page.get_by_role("button", name="Delete user").click()
    expect(page.get_by_text("No users yet")).to_be_visible()


def test_the_event_tree_is_searched_and_ticked_by_group(page: Page) -> None:
    """Searching narrows the tree, a group's box ticks all of it, the count follows."""
    page.get_by_role("link", name="Add Endpoint").first.click()
    count = page.locator("[data-count]")
    expect(count).to_have_text("All events")
    page.get_by_label("Search events").fill("user.")
    expect(page.get_by_role("checkbox", name="session.created")).to_be_hidden()
    page.get_by_label("Search events").fill("")
    page.get_by_role("checkbox", name="All of user", exact=True).check()
    expect(count).to_have_text("3 selected")
