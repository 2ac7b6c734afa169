"""`consignease admin`: a lost account gets a new beginning, by whoever has the server."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher

from consignease.app import admins as app
from consignease.app import tries as app_tries
from consignease.domain import totp, tries
from consignease.domain.passkeys import Registered
from consignease.domain.tickets import LIFE_MS, Purpose
from consignease.store import passkeys
from tests.helpers.command import run
from tests.helpers.dashboard import EMAIL, PASSWORD, Admin
from tests.helpers.server import RunningServer

HOME = "/dashboard/development/endpoints"
NEW = "another horse, another battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as one:
        one.server._hasher._argon2 = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        yield one


def command(server: RunningServer, *args: str) -> "CompletedProcess[str]":
    url = server.settings.database_url
    done = run("admin", *args, "--data-dir", server.settings.data_dir, CONSIGNEASE_DATABASE_URL=url)
    assert "Traceback" not in done.stderr
    return done


def path_of(text: str) -> str:
    found = re.search(r"http://\S+/dashboard/reset\?token=[\w-]+", text)
    assert found, text
    parts = urlsplit(found[0])
    return f"{parts.path}?{parts.query}"


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(token|sealed)" value="([^"]+)"', page))


def secret_of(page: str) -> bytes:
    found = re.search(r'id="totp-key"[^>]*>([A-Z2-7 ]+)<', page)
    assert found
    return totp.read(found[1])


def test_a_lost_owner_comes_back(server: RunningServer) -> None:
    """The link sets password and factor, ends every session, drops passkeys, and works once."""
    ada = Admin(server).set_up()
    me = server.read(app.by_email, EMAIL)
    assert me
    made = Registered(b"credential", b"key", 0)
    server.write(lambda tx: passkeys.add(tx, me.no, made, "Lost phone", 1))
    for _ in range(30):
        server.write(app_tries.take, (tries.by_account(EMAIL),), server.server._clock.now())
    assert ada.call("GET", HOME).status == 200
    done = command(server, "reset", "Ada@Example.com")
    assert done.returncode == 0, done.stderr
    assert "works once, for 15 minutes" in done.stdout
    assert ada.call("GET", HOME).status == 303  # ended when the link was made
    path = path_of(done.stdout)
    fresh = Admin(server)
    page = fresh.call("GET", path).body.decode()
    assert EMAIL in page
    form = {**form_of(page), "password": NEW}
    # It had a second factor, so it gets one.
    refused = fresh.call("POST", "/dashboard/reset", form)
    assert refused.status == 422
    assert b'id="error-code"' in refused.body
    assert NEW.encode() not in refused.body
    code = totp.code(secret_of(page), int(time.time() * 1000) // totp.STEP_MS)
    short = fresh.call("POST", "/dashboard/reset", {**form, "code": code, "password": "short"})
    assert short.status == 422
    altered = {**form, "code": code, "sealed": form["sealed"][:-2] + "00"}
    assert fresh.call("POST", "/dashboard/reset", altered).status == 422
    assert fresh.call("POST", "/dashboard/reset", {**form, "code": code}).status == 303
    assert fresh.call("GET", HOME).status == 200
    assert fresh.call("GET", path).status == 403
    assert Admin(server).call("POST", "/dashboard/reset", {**form, "code": code}).status == 403
    assert Admin(server).sign_in(password=PASSWORD).status == 422
    assert Admin(server).sign_in(password=NEW).status == 200  # asks for the code
    after = server.read(app.by_email, EMAIL)
    assert after
    assert (after.passkeys, after.totp_sealed is not None, after.role) == (0, True, "owner")
    log = [(row["action"], row["target"]) for row in server.read(app.notes, 2**60, 9)]
    assert ("admin.reset", EMAIL) in log
    assert ("admin.reset_link", EMAIL) in log
    who = next(r for r in server.read(app.notes, 2**60, 9) if r["action"] == "admin.reset_link")
    assert who["who"].endswith("(command line)")


def test_a_link_replaces_the_one_before_and_ends(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the newest link is good; without a factor before, none has to be set up."""
    Admin(server).set_up()
    first = json.loads(command(server, "reset", EMAIL, "--json").stdout)
    second = json.loads(command(server, "reset", EMAIL, "--json").stdout)
    left = second["expires_at"] - time.time() * 1000
    assert LIFE_MS[Purpose.RESET] - 30_000 < left <= LIFE_MS[Purpose.RESET]
    fresh = Admin(server)
    assert fresh.call("GET", path_of(first["url"])).status == 403
    path = path_of(second["url"])
    page = fresh.call("GET", path).body.decode()
    later = server.server._clock.now() + LIFE_MS[Purpose.RESET] + 60_000
    with monkeypatch.context() as patch:
        patch.setattr(server.server._clock, "_base", later)
        assert fresh.call("GET", path).status == 403
        form = {**form_of(page), "password": NEW}
        assert fresh.call("POST", "/dashboard/reset", form).status == 403
    assert Admin(server).sign_in().status == 303  # the old way in works until the link is used
    assert fresh.call("POST", "/dashboard/reset", form).status == 303
    assert Admin(server).sign_in(password=NEW).status == 303


def test_a_link_of_one_account_opens_no_other(server: RunningServer) -> None:
    """What an authenticator app was set up for on one page does not fit another account's."""
    ada = Admin(server).set_up()
    ada.invite("viewer")
    pages = {}
    for email in (EMAIL, "viewer@example.com"):
        path = path_of(command(server, "reset", email).stdout)
        pages[email] = Admin(server).call("GET", path).body.decode()
    mixed = form_of(pages[EMAIL]) | {"sealed": form_of(pages["viewer@example.com"])["sealed"]}
    code = totp.code(secret_of(pages["viewer@example.com"]), int(time.time()) // 30)
    form = {**mixed, "password": NEW, "code": code}
    assert Admin(server).call("POST", "/dashboard/reset", form).status == 422
    evil = {"Origin": "https://evil.example"}
    form = {**form_of(pages[EMAIL]), "password": NEW}
    assert Admin(server).call("POST", "/dashboard/reset", form, evil).status == 403


def test_administrators_are_listed(server: RunningServer) -> None:
    """With how each gets in; and what is wrong is said in plain words."""
    assert "There is none." in command(server, "list").stdout
    Admin(server).set_up().post(
        "/dashboard/team", {"name": "Eve", "email": "eve@example.com", "role": "viewer"}
    )
    text = command(server, "list").stdout
    assert f"{EMAIL}  owner  [password]" in text
    assert "eve@example.com  viewer  [invited]  last sign-in never" in text
    found = json.loads(command(server, "list", "--json").stdout)
    assert [(one["email"], one["joined"]) for one in found] == [
        (EMAIL, True),
        ("eve@example.com", False),
    ]
    missing = command(server, "reset", "nobody@example.com")
    assert missing.returncode == 1
    assert "No administrator has the address nobody@example.com." in missing.stderr
    odd = command(server, "reset", "nobody")
    assert odd.returncode == 1
    nowhere = run("admin", "list", "--data-dir", server.settings.data_dir + "-none")
    assert nowhere.returncode == 1
    assert "There is no data folder" in nowhere.stderr


def test_it_works_while_no_server_runs(tmp_path: Path) -> None:
    """The link is made beside a stopped server too, and works when it is started."""
    with RunningServer(tmp_path / "data") as server:
        Admin(server).set_up()
        settings = server.settings
    env = {
        "CONSIGNEASE_DATABASE_URL": settings.database_url,
        "CONSIGNEASE_PUBLIC_URL": "https://id.example.com/",
    }
    done = run("admin", "reset", EMAIL, "--data-dir", settings.data_dir, **env)
    assert done.returncode == 0, done.stderr
    assert "https://id.example.com/dashboard/reset?token=" in done.stdout
    token = done.stdout.rpartition("token=")[2].split()[0]
    with RunningServer(tmp_path / "data") as server:
        answer = Admin(server).call("GET", f"/dashboard/reset?token={token}")
        assert answer.status == 200
