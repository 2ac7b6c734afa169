"""Live parts of a page end right, whatever comes first: the answer to a form, or the change."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.helpers import browser as helper
from tests.helpers.behaviours import slow
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


def test_an_answer_that_comes_after_the_change_is_caught_up_with(
    browser: Browser, tmp_path: Path
) -> None:
    """The result of an example is shown, also where its form's answer was held up meanwhile."""
    context = browser.new_context()
    page = context.new_page()
    with Receiver() as app, RunningServer(tmp_path / "data") as server:
        helper.set_up(page, server)
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, f"{app.url}/x")
        client.close()
        app.behave(slow(0.5))
        page.goto(f"{server.base_url}/dashboard/development/endpoints/{endpoint['id']}/testing")

        def hold(route: Route) -> None:
            if route.request.method != "POST":
                route.continue_()
                return
            answer = route.fetch()
            assert "On its way" in answer.text()
            # By then the attempt is recorded, and the page was told of that too.
            app.wait_for(1)
            page.wait_for_timeout(3_000)
            route.fulfill(response=answer)

        page.route("**/testing", hold)
        page.get_by_role("button", name="Send Example").click()
        expect(page.locator("#result")).to_contain_text("Succeeded", timeout=15_000)
    context.close()
