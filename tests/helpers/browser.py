"""A headless Chromium for tests, found on this machine; and signing in to the Dashboard."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.helpers.server import RunningServer

expect.set_options(timeout=15_000)

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


def program() -> str | None:
    """Where Chromium is; None where there is none."""
    named = os.environ.get("CONSIGNEASE_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def why_not() -> str | None:
    """Why browser tests cannot run here; None when they can."""
    return None if program() else "no Chromium on this machine"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; root may only run it without a sandbox."""
    flags = ["--disable-gpu", "--force-color-profile=srgb"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def watch(page: Page, base_url: str) -> list[str]:
    """Collect what a page must never do: ask another host, break the CSP, log an error."""
    found: list[str] = []
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((base_url, "data:"))
            else found.append(f"request to {request.url}")
        ),
    )
    page.on("pageerror", lambda error: found.append(f"error {error}"))
    page.on(
        "console",
        lambda message: (
            found.append(f"console {message.text}")
            if message.type == "error" and "422" not in message.text and "403" not in message.text
            else None
        ),
    )
    return found


def set_up(page: Page, server: RunningServer, origin: str = "") -> None:
    """Open a server's one-time link, by another origin if one is given, and make the account."""
    enter(page, server.server.dashboard_url.replace(server.base_url, origin or server.base_url))


def enter(page: Page, url: str) -> None:
    """Open the one-time link and make the first account."""
    page.goto(url)
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Webhooks").wait_for()
