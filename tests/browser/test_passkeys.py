"""Passkeys in a real browser, with an authenticator that the browser makes up itself."""

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zxingcpp
from argon2 import PasswordHasher
from playwright.sync_api import Browser, BrowserContext, Page, expect

from consignease.domain import totp
from tests.helpers import browser as helper
from tests.helpers.browser import EMAIL, PASSWORD
from tests.helpers.command import run
from tests.helpers.server import RunningServer

pytestmark = pytest.mark.skipif(bool(helper.why_not()), reason=str(helper.why_not()))

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with helper.chromium() as running:
        yield running


class Ada:
    """Somebody at a browser with an authenticator built in, signed in at http://localhost."""

    def __init__(self, context: BrowserContext, server: RunningServer) -> None:
        self.server = server
        self.origin = f"http://localhost:{server.server.port}"
        self.page: Page = context.new_page()
        self.found = helper.watch(self.page, self.origin)
        self.cdp = context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.authenticator = self.cdp.send(
            "WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR}
        )["authenticatorId"]
        helper.set_up(self.page, server, self.origin)

    def credentials(self) -> list[dict[str, Any]]:
        """What the authenticator holds."""
        asked = {"authenticatorId": self.authenticator}
        return self.cdp.send("WebAuthn.getCredentials", asked)["credentials"]

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def add(self, name: str, present: str | None = PASSWORD) -> None:
        card = self.page.locator("#passkeys")
        card.get_by_label("Name").fill(name)
        if present is not None:
            card.get_by_label("Present password").first.fill(present)
        card.get_by_role("button", name="Add a passkey").click()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()
        self.page.get_by_role("heading", name="Sign in to the Dashboard").wait_for()

    def sign_in_with_passkey(self) -> None:
        self.page.get_by_role("button", name="Sign in with a passkey").click()


@pytest.fixture
def ada(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ada]:
    with RunningServer(tmp_path_factory.mktemp("keys") / "data") as server:
        server.server._hasher._argon2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        context = browser.new_context()
        one = Ada(context, server)
        yield one
        context.close()
        assert one.found == []


def test_a_passkey_is_added_used_and_removed(ada: Ada) -> None:
    """From the account page to a sign-in without a password, and back; removed, it opens nothing."""
    page = ada.page
    ada.go("/dashboard/account")
    ada.add("Laptop", "not it at all")
    expect(page.locator("#passkeys [data-error]")).to_have_text(
        "This is not your present password."
    )
    ada.add("Laptop")
    expect(page.get_by_role("status").first).to_contain_text("The passkey was added")
    row = page.locator("#passkeys tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("never")
    (made,) = ada.credentials()
    assert (made["rpId"], made["isResidentCredential"]) == ("localhost", True)
    ada.add("Laptop again")
    expect(page.locator("#passkeys [data-error]")).to_contain_text("for your account already")

    ada.sign_out()
    ada.go("/dashboard/sign-in?next=/dashboard/account")
    ada.sign_in_with_passkey()
    page.get_by_role("heading", name="Ada Lovelace").wait_for()
    expect(page.locator("#passkeys tbody tr")).not_to_contain_text("never")
    assert ada.credentials()[0]["signCount"] == 2
    ada.go("/dashboard/audit")
    expect(page.locator("tbody tr").first).to_contain_text("passkey Laptop")

    ada.go("/dashboard/account")
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.get_by_role("status").first).to_contain_text("The passkey was removed")
    ada.sign_out()
    ada.sign_in_with_passkey()
    expect(page.get_by_role("alert")).to_contain_text("no longer, known here")


def test_nobody_gets_in_without_being_verified(ada: Ada) -> None:
    """A finger that is not the owner's opens nothing, and the page says what to do."""
    ada.go("/dashboard/account")
    ada.add("Laptop")
    expect(ada.page.locator("#passkeys tbody tr")).to_have_count(1)
    ada.sign_out()
    asked = {"authenticatorId": ada.authenticator, "isUserVerified": False}
    ada.cdp.send("WebAuthn.setUserVerified", asked)
    ada.sign_in_with_passkey()
    expect(ada.page.locator("[data-error]")).to_contain_text("Try again")
    ada.go("/dashboard/account")
    ada.page.get_by_role("heading", name="Sign in to the Dashboard").wait_for()


def test_passkeys_can_be_the_only_way_in(ada: Ada) -> None:
    """With the password off it is not taken any more; the last passkey stays."""
    page = ada.page
    ada.go("/dashboard/account")
    ada.add("Laptop")
    expect(page.locator("#passkeys tbody tr")).to_have_count(1)
    page.locator("#passkeys summary").click()
    talk = page.locator("#passkeys .talk")
    talk.get_by_label("Present password").fill(PASSWORD)
    talk.get_by_role("button", name="Turn the password off").click()
    expect(page.get_by_role("status").first).to_contain_text("only way into your account now")
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.get_by_role("heading")).to_have_text("This is the only way into your account.")
    assert [one for one in ada.found if "403" not in one] == []
    ada.go("/dashboard/account")
    ada.sign_out()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    ada.sign_in_with_passkey()
    page.get_by_role("heading", name="Webhooks").wait_for()


def scanned(page: Page) -> str:
    """What a camera reads in the QR code that the page shows."""
    side = 376
    encoded = page.evaluate(
        """async (side) => {
          const drawn = new XMLSerializer().serializeToString(document.querySelector('svg.qr'));
          const picture = new Image(side, side);
          picture.src = 'data:image/svg+xml;base64,' + btoa(drawn.replace(
            '<svg', `<svg width="${side}" height="${side}"`));
          await picture.decode();
          const canvas = document.createElement('canvas');
          canvas.width = canvas.height = side;
          const context = canvas.getContext('2d');
          context.drawImage(picture, 0, 0, side, side);
          const grey = context.getImageData(0, 0, side, side).data.filter((_, n) => n % 4 === 0);
          return btoa(Array.from(grey, (one) => String.fromCharCode(one)).join(''));
        }""",
        side,
    )
    grey = memoryview(base64.b64decode(encoded)).cast("B", (side, side))
    (code,) = zxingcpp.read_barcodes(grey)
    return code.text


def test_a_lost_owner_scans_a_code_and_comes_back(ada: Ada) -> None:
    """The link of the command line; the QR code holds what the text beside it says."""
    settings = ada.server.settings
    url = settings.database_url
    done = run(
        "admin", "reset", EMAIL, "--data-dir", settings.data_dir, CONSIGNEASE_DATABASE_URL=url
    )
    path = re.search(r"/dashboard/reset\S+", done.stdout)
    assert path, done.stderr
    page = ada.page
    ada.go(path[0])
    shown = page.locator("#totp-key").inner_text()
    assert scanned(page) == totp.uri(totp.read(shown), EMAIL)
    page.get_by_label("New password").fill("another horse, another battery")
    secret = totp.read(shown)
    page.get_by_role("textbox", name="Code").fill(totp.code(secret, int(time.time()) // 30))
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page.get_by_role("status").first).to_contain_text("You have a new password")
    ada.sign_out()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill("another horse, another battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Two-step sign-in").wait_for()
