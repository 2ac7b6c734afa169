"""The inspector in a browser: used with mouse and keyboard, at a desk and on a phone."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.helpers import browser as helper
from tests.helpers.listening import TunnelProcess
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))

ROOT = Path(__file__).parents[2]
AXE = ROOT / "tests" / "wire_compat" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "axe.run().then(found => found.violations.map(one => one.id + one.nodes[0].html))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_and_repeats_what_came(browser: Browser, tmp_path: Path, width: int) -> None:
    """An event is opened, sent again changed; no foreign request, no CSP error, no overflow."""
    with RunningServer(tmp_path / "data") as server, Receiver() as app:
        folder, to = Path(server.settings.data_dir), f"127.0.0.1:{app.port}"
        with TunnelProcess(folder, to, "--url", "in-browser", "--inspect", "4140") as tunnel:
            opened: dict[str, Any] = tunnel.wait_for("open")[0]
            parts = urlsplit(opened["url"])
            connection = http.client.HTTPConnection(parts.netloc)
            body = json.dumps({"type": "user.created", "data": {"id": "user_1", "n": "x" * 300}})
            headers = {"svix-id": "msg_1", "svix-timestamp": "1", "svix-signature": "v1,x"}
            connection.request("POST", f"{parts.path}/hook", body, headers)
            connection.getresponse().read()
            connection.close()
            context = browser.new_context(
                viewport={"width": width, "height": 800}, bypass_csp=False
            )
            page = context.new_page()
            odd = helper.watch(page, opened["inspector"].partition("#")[0])
            page.goto(opened["inspector"])
            assert "#" not in page.url
            page.get_by_role("button", name="POST user.created").click()
            page.get_by_role("heading", name="Signature").wait_for()
            page.get_by_text("Edit and send again").click()
            page.get_by_label("Body").fill('{"type":"user.created","data":{"id":"user_1"}}')
            page.get_by_role("button", name="Send it so").click()
            page.get_by_text("Sent again as 2.").wait_for()
            page.get_by_role("heading", name="Changed since 1").wait_for()
            assert app.wait_for(2)[1].body == b'{"type":"user.created","data":{"id":"user_1"}}'
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width
            assert odd == []
            if AXE.exists():
                page.evaluate(AXE.read_text())
                assert page.evaluate(RUN) == []
            context.close()
