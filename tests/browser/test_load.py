"""Many attempts while a page is open: the numbers end right and the page still answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.bench.bench_engine import receiver
from tests.bench.bench_live import measure
from tests.helpers import browser as helper
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))

USERS = 600


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


def test_a_page_under_a_flood_stays_responsive_and_right(browser: Browser, tmp_path: Path) -> None:
    """No task of the page takes long while hundreds of attempts arrive; the count ends right."""
    context = browser.new_context()
    page = context.new_page()
    with Receiver() as app, RunningServer(tmp_path / "data") as server:
        helper.set_up(page, server)
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, f"{app.url}/x")
        page.goto(f"{server.base_url}/dashboard/development/endpoints/{endpoint['id']}")
        page.evaluate(
            "window.longest = 0; new PerformanceObserver(list => list.getEntries().forEach("
            "one => { window.longest = Math.max(window.longest, one.duration) }))"
            ".observe({ type: 'longtask' })"
        )
        for number in range(USERS):
            client.call("POST", "/v1/users", {"email_address": [f"u{number}@example.com"]})
        app.wait_for(USERS, 60)
        expect(page.locator("#stats dd").first).to_contain_text(f"of {USERS}", timeout=20_000)
        expect(page.locator("#stats dd").first).to_contain_text("100%")
        assert page.evaluate("window.longest") < 1_000
        client.close()
    context.close()


def test_pages_that_are_typed_into_follow_500_attempts_a_second(
    browser: Browser, tmp_path: Path
) -> None:
    """List, overview and charts end right, keep what was typed, and are loaded once a second."""
    with receiver() as url:
        rows = measure(browser, tmp_path / "data", url, 2)
    found = {row["name"].removeprefix("live."): row["value"] for row in rows}
    for name in ("refused", "lost", "duplicates"):
        assert found[name] == 0, found
    for page in ("attempts", "overview", "activity"):
        assert found[f"{page}.wrong"] == 0, found
        # One more each: the first is at once, and the form asks about its URL.
        assert 0 < found[f"{page}.updates"] < 2.5, found
        assert found[f"{page}.longest_block"] < 1_000, found
