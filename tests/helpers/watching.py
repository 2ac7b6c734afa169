"""A page of the Dashboard that is watched while much happens: does it answer, and is it right?"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

_WATCH = """
() => {
  const seen = window.watched = { block: 0, swaps: 0, inputs: [] };
  new PerformanceObserver((list) => list.getEntries().forEach((one) => {
    seen.block = Math.max(seen.block, one.duration);
  })).observe({ type: 'longtask' });
  document.addEventListener('htmx:afterSwap', () => { seen.swaps += 1; });
  // From the key until the frame that shows it has been handed over.
  document.addEventListener('keydown', (event) => {
    requestAnimationFrame(() => setTimeout(() => {
      seen.inputs.push(performance.now() - event.timeStamp);
    }));
  });
}
"""
TYPED = "user_abcdefghijklmnopqrstuvwxyz0123456789"


class Seen(NamedTuple):
    """What a page was like while it was watched; times in milliseconds.

    Attributes:
        block: The longest that its main thread was taken without a break; 0 if always below 50.
        inputs: How long each key took to be seen, shortest first.
        swaps: How often it was brought up to date in a second.
        kept: Whether what was typed is still there.
    """

    block: float
    inputs: list[float]
    swaps: float
    kept: bool


class Watched:
    """One page in a window of its own, which somebody types into.

    Args:
        browser: The browser.
        state: The cookies of who is signed in.
        url: The page.
        field: Where somebody types.
    """

    def __init__(self, browser: Browser, state: Any, url: str, field: str) -> None:
        self._context = browser.new_context(storage_state=state)
        self.page: Page = self._context.new_page()
        self.page.goto(url)
        self.page.wait_for_function("window.htmx !== undefined")
        self._field = field
        self._typed = ""
        self.again()

    def again(self) -> None:
        """Load the page anew and begin to watch."""
        self.page.reload()
        self.page.wait_for_function("window.htmx !== undefined")
        self.page.evaluate(_WATCH)
        if self._field:
            self.page.locator(self._field).fill("")
            self.page.locator(self._field).focus()
        self._typed = ""
        self._began = time.monotonic()

    def type(self) -> None:
        """Press one key."""
        key = TYPED[len(self._typed) % len(TYPED)]
        self._typed += key
        self.page.keyboard.press(key)

    def seen(self) -> Seen:
        """Return what was seen since `again`."""
        self.page.wait_for_function(f"window.watched.inputs.length >= {len(self._typed)}")
        found = self.page.evaluate("window.watched")
        kept = not self._field or self.page.locator(self._field).input_value() == self._typed
        seconds = time.monotonic() - self._began
        return Seen(found["block"], sorted(found["inputs"]), found["swaps"] / seconds, kept)

    def close(self) -> None:
        """Close the window."""
        self._context.close()


def use(pages: Sequence[Watched], busy: Callable[[], bool], pause_ms: int = 100) -> None:
    """Type into pages in turn while something goes on."""
    while busy():
        for one in pages:
            one.type()
            one.page.wait_for_timeout(pause_ms / len(pages))


def settle(page: Page, right: Callable[[Page], bool], seconds: float = 20) -> float | None:
    """Wait until a page is right; returns after how many seconds, None if it never was."""
    began = time.monotonic()
    while not right(page):
        if time.monotonic() - began > seconds:
            return None
        page.wait_for_timeout(50)
    return time.monotonic() - began
