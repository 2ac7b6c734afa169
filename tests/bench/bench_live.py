"""500 attempts a second to one endpoint while its pages are open in Chromium, on SQLite.

In each page somebody types all the time. Told are the longest time that the page's main thread was
taken without a break (0: never for 50 ms), and how long a key took to be seen, beside the same
without a single attempt; and whether the numbers are right at the end.
"""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.bench.bench_engine import ask, receiver
from tests.bench.creating import Load, arrived, until
from tests.bench.processes import cpu_seconds
from tests.bench.sizes import size
from tests.bench.stores import Sqlite
from tests.bench.table import Row, measured
from tests.helpers import browser as helper
from tests.helpers.server import ServerProcess, add_endpoint
from tests.helpers.watching import Seen, Watched, settle, use

RATE = size("LIVE_RATE", 500, 500)
SECONDS = size("LIVE_SECONDS", 20, 3)
BASE = "/dashboard/development"


class Watch:
    """The pages of one endpoint, and what each must show in the end."""

    def __init__(self, browser: Browser, server: ServerProcess, end: str, attempts: int) -> None:
        context = browser.new_context()
        helper.enter(context.new_page(), server.ready["setup_url"])
        state = context.storage_state()
        context.close()
        there = f"{server.base_url}{BASE}/endpoints/{end}"
        activity = f"{server.base_url}{BASE}/activity"
        self._list = f"/api/v1/app/{server.instance()['application_id']}/attempt/endpoint/{end}"
        self._client = server.client()
        self._attempts = attempts
        self.pages = {
            "attempts": Watched(browser, state, f"{there}/attempts", "input[name=subject]"),
            "overview": Watched(browser, state, there, "#description"),
            "activity": Watched(browser, state, activity, ""),
        }
        self.right: dict[str, Callable[[Page], bool]] = {
            "attempts": self._is_newest,
            "overview": self._counts,
            "activity": self._adds_up,
        }

    def _is_newest(self, page: Page) -> bool:
        listed = self._client.call("GET", f"{self._list}?limit=50").json["data"]
        shown = page.locator("#attempts tbody td.mono").all_inner_texts()
        return shown == [one["msgId"] for one in listed]

    def _counts(self, page: Page) -> bool:
        share, _, waiting, _ = page.locator("#stats .stats dd").all_inner_texts()
        count = "1,000 newest" if self._attempts >= 1_000 else f"{self._attempts:,}"
        return share.split() == ["100%", "of", *count.split()] and waiting.split()[0] == "0"

    def _adds_up(self, page: Page) -> bool:
        total, share, _, waiting = page.locator("#activity .stats dd").all_inner_texts()
        return (total, share, waiting) == (f"{self._attempts:,}", "100%", "0")

    def again(self) -> None:
        """Load every page anew."""
        for one in self.pages.values():
            one.again()

    def run(self, busy: Callable[[], bool]) -> dict[str, Seen]:
        """Type into every page while something goes on, and return what they were like."""
        use([*self.pages.values()], busy)
        return {name: one.seen() for name, one in self.pages.items()}

    def settled(self) -> dict[str, float | None]:
        """Return after how many seconds each page shows what it must; None for never."""
        return {name: settle(one.page, self.right[name]) for name, one in self.pages.items()}

    def close(self) -> None:
        """Close everything."""
        self._client.close()
        for one in self.pages.values():
            one.close()


def rows(name: str, idle: Seen, busy: Seen, settled: float | None) -> list[Row]:
    """Rows of one page."""

    def at(seen: Seen, share: float) -> list[float]:
        return [seen.inputs[min(len(seen.inputs) - 1, int(len(seen.inputs) * share))]]

    return [
        measured(f"live.{name}.longest_block", [busy.block], "ms"),
        measured(f"live.{name}.input_p50", at(busy, 0.5), "ms", at(idle, 0.5)),
        measured(f"live.{name}.input_worst", at(busy, 1), "ms", at(idle, 1)),
        measured(f"live.{name}.updates", [busy.swaps], "updates/s"),
        measured(f"live.{name}.right_after", [-1 if settled is None else settled], "s"),
        measured(f"live.{name}.wrong", [int(settled is None or not busy.kept)], "pages"),
    ]


def under_load(watch: Watch, load: Load, messages: int) -> tuple[dict[str, Seen], Row]:
    """Watch the pages while messages are made."""
    result: dict[str, Any] = {}
    run = threading.Thread(target=lambda: result.update(load.run(messages, RATE)))
    watch.again()
    run.start()
    seen = watch.run(run.is_alive)
    run.join()
    return seen, result


def measure(browser: Browser, folder: Path, url: str, seconds: int) -> list[Row]:
    """Measure with a server of its own."""
    messages = RATE * seconds
    with ServerProcess(folder) as server:
        client, app = server.client(), server.instance()["application_id"]
        end = add_endpoint(client, app, f"{url}/x")[0]["id"]
        watch = Watch(browser, server, end, messages)
        watch.again()
        idle_until = time.monotonic() + min(5, seconds)
        idle = watch.run(lambda: time.monotonic() < idle_until)
        load = Load([server.base_url], server.instance()["secret_key"], [app])
        store, cpu = Sqlite(folder), cpu_seconds(server.process.pid)
        busy, result = under_load(watch, load, messages)
        seen, ended = arrived(url, messages)
        cpu = (cpu_seconds(server.process.pid) - cpu) / ((ended - result["began_ns"]) / 1e9)
        until(lambda: store.still_open() == 0)
        settled = watch.settled()
        stored = store.stored()
        watch.close()
        client.close()
    found = [
        measured("live.rate", [messages / ((ended - result["began_ns"]) / 1e9)], "attempts/s"),
        measured("live.cpu", [cpu * 100], "% of a core"),
        measured("live.refused", [result["refused"]], "calls"),
        measured("live.lost", [messages - min(seen["count"], stored.succeeded)], "deliveries"),
        measured("live.duplicates", [max(0, seen["count"] - messages)], "deliveries"),
    ]
    for name in watch.pages:
        found += rows(name, idle[name], busy[name], settled[name])
    return found


def run() -> list[Row]:
    """Measure and return the rows of the table."""
    why = helper.why_not()
    if why:
        print(f"skipped: {why}", flush=True)
        return []
    with (
        tempfile.TemporaryDirectory() as folder,
        receiver() as url,
        helper.chromium() as browser,
    ):
        ask(f"{url}/__reset")
        return measure(browser, Path(folder), url, SECONDS)
