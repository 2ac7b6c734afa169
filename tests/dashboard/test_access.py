"""Who gets in: first run, signing in, sessions, roles; and who does not."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from consignease.app import admins as app
from consignease.dashboard.site import ROUTES
from consignease.domain import admins as rules
from consignease.domain import totp
from tests.helpers.dashboard import EMAIL, PASSWORD, Admin
from tests.helpers.server import RunningServer

HOME = "/dashboard/development/endpoints"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def secret_of(text: str) -> bytes:
    import base64

    found = re.search(r'id="totp-key"[^>]*>([A-Z2-7 ]+)<', text)
    assert found, text
    return base64.b32decode(found[1].replace(" ", ""))


def test_the_set_up_link_works_once(server: RunningServer) -> None:
    """The first account closes the link; a wrong one never opens."""
    wrong = Admin(server)
    form = {"token": "x" * 32, "name": "Eve", "email": "e@example.com", "password": PASSWORD}
    assert wrong.call("POST", "/dashboard/setup", form).status == 403
    assert wrong.call("GET", "/dashboard").status == 200  # says where the link is
    assert server.server.needs_setup
    admin = Admin(server).set_up()
    again = {**form, "token": server.server.setup_token}
    assert admin.call("POST", "/dashboard/setup", again).status == 403
    assert [one.email for one in server.read(app.everyone)] == [EMAIL]


def test_the_set_up_link_ends_after_half_an_hour(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that somebody finds later opens nothing."""
    monkeypatch.setattr("consignease.dashboard.access.SETUP_MS", -1)
    path = f"/dashboard/setup?token={server.server.setup_token}"
    assert Admin(server).call("GET", path).status == 403


def test_bad_input_keeps_the_form(server: RunningServer) -> None:
    """The form comes back with words beside the field and what was typed."""
    form = {"token": server.server.setup_token, "name": "Ada", "email": "ada", "password": "x" * 12}
    answer = Admin(server).call("POST", "/dashboard/setup", form)
    assert answer.status == 422
    assert b'value="Ada"' in answer.body
    assert b'id="error-email"' in answer.body
    assert b"x" * 12 not in answer.body


def test_signing_in_makes_a_new_session(server: RunningServer) -> None:
    """A cookie planted before is not adopted: session fixation fails."""
    Admin(server).set_up()
    victim = Admin(server)
    name = f"consignease_{server.server.port}"
    victim.cookies[name] = "planted-by-somebody"
    assert victim.sign_in().status == 303
    assert victim.cookies[name] != "planted-by-somebody"
    thief = Admin(server)
    thief.cookies[name] = "planted-by-somebody"
    assert thief.call("GET", HOME).status == 303


def test_the_cookie_is_out_of_reach(server: RunningServer) -> None:
    """Scripts cannot read it and other sites cannot send it."""
    Admin(server).set_up()
    answer = Admin(server).sign_in()
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/dashboard/",
        "/\\evil.example",
        "/dashboard/../../evil",
        "javascript:alert(1)",
        "/dashboard/\r\nx: y",
        "/elsewhere",
    ],
)
def test_sign_in_leads_only_to_our_own_pages(server: RunningServer, target: str) -> None:
    """No open redirect, whatever `next` says."""
    Admin(server).set_up()
    answer = Admin(server).sign_in(next=target)
    location = answer.headers["location"]
    assert location.startswith("/dashboard/")
    assert "evil.example" not in location.split("/")[1]
    assert "\r" not in location


def test_an_ended_session_returns_to_the_same_page(server: RunningServer) -> None:
    """Whoever has to sign in again lands where they were."""
    admin = Admin(server).set_up()
    admin.post("/dashboard/sign-out")
    wanted = "/dashboard/production/messages?type=user.created"
    answer = admin.call("GET", wanted)
    assert answer.status == 303
    assert unquote(answer.headers["location"]).endswith(f"next={wanted}")
    live = admin.call("GET", wanted, headers={"HX-Request": "true", "HX-Current-URL": wanted})
    assert live.status == 401
    assert "sign-in" in live.headers["hx-redirect"]
    assert admin.sign_in(next=wanted).headers["location"] == wanted


def test_a_revoked_session_ends_at_once(server: RunningServer) -> None:
    """Sessions are listed, and one can end another."""
    admin = Admin(server).set_up()
    other = Admin(server)
    other.sign_in()
    assert other.call("GET", HOME).status == 200
    page = admin.get("/dashboard/account")
    hashed = re.search(r'name="session" value="([0-9a-f]+)"', page)
    assert hashed
    assert admin.post("/dashboard/account/sessions/revoke", {"session": hashed[1]}).status == 303
    assert other.call("GET", HOME).status == 303
    assert admin.call("GET", HOME).status == 200


def test_the_second_factor_is_asked_for(server: RunningServer) -> None:
    """With an authenticator app, a password alone opens nothing; no code works twice."""
    admin = Admin(server).set_up()
    shown = admin.post("/dashboard/account/totp").body.decode()
    secret = secret_of(shown)
    sealed = re.search(r'name="sealed" value="([0-9a-f]+)"', shown)
    assert sealed
    step = int(time.time() * 1000) // totp.STEP_MS
    form = {"sealed": sealed[1], "code": "000000"}
    assert admin.post("/dashboard/account/totp/confirm", form).status == 422
    form["code"] = totp.code(secret, step - 1)
    assert admin.post("/dashboard/account/totp/confirm", form).status == 303

    other = Admin(server)
    asked = other.sign_in()
    assert asked.status == 200
    assert other.call("GET", HOME).status == 303
    ticket = re.search(rb'name="ticket" value="([\w-]+)"', asked.body)
    assert ticket
    second = {"ticket": ticket[1].decode(), "code": totp.code(secret, step - 1)}
    assert other.call("POST", "/dashboard/sign-in", second).status == 422  # used above
    second["code"] = totp.code(secret, step + 1)
    assert other.call("POST", "/dashboard/sign-in", second).status == 303
    assert other.call("GET", HOME).status == 200


def test_no_form_is_taken_from_another_site(server: RunningServer) -> None:
    """Without the session's token, or from another origin, nothing is done."""
    admin = Admin(server).set_up()
    path = "/dashboard/development/keys"
    before = admin.get(path).count("sk_live_")
    assert admin.post(path, Origin="https://evil.example").status == 403
    assert admin.post(path, Origin="").status == 403
    assert admin.post(path, Origin="null").status == 403
    assert admin.post(path, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert admin.call("POST", path, {"csrf": "0" * 64}).status == 403
    assert admin.call("POST", path, {}).status == 403
    foreign = Admin(server)
    assert (
        foreign.call("POST", "/dashboard/sign-in", {}, {"Origin": "https://x.example"}).status
        == 403
    )
    assert admin.get(path).count("sk_live_") == before


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_roles_hold_on_every_route(server: RunningServer, role: str) -> None:
    """Whoever's role is below a route's is refused before anything is done."""
    admin = Admin(server).set_up()
    other = admin.invite(role)
    for route in ROUTES:
        if not route.role or rules.ROLES.index(route.role) <= rules.ROLES.index(role):
            continue
        path = re.sub(r"\{instance\}", "development", route.path)
        path = re.sub(r"\{\w+\}", "x", path)
        answer = other.call(route.method, path, {"csrf": other.token})
        assert answer.status == 403, (route.method, path, answer.status)


def test_every_route_that_changes_something_needs_a_role() -> None:
    """Only the ways in are open; viewers change their account only."""
    ways = {"", "/setup", "/sign-in", "/invitation", "/reset"}
    ways |= {"/sign-in/passkey", "/sign-in/passkey/challenge"}
    for route in ROUTES:
        if not route.role:
            assert route.path.removeprefix("/dashboard") in ways
        elif route.method == "POST" and route.role == "viewer":
            assert route.path.startswith(("/dashboard/account", "/dashboard/sign-out"))


def test_the_last_owner_stays(server: RunningServer) -> None:
    """Nobody can lock everybody out."""
    admin = Admin(server).set_up()
    mine = server.read(app.everyone)[0]
    assert admin.post(f"/dashboard/team/{mine.id}/remove").status == 403
    assert admin.post(f"/dashboard/team/{mine.id}/role", {"role": "viewer"}).status == 403


def test_no_page_can_be_framed_or_stored(server: RunningServer) -> None:
    """Every answer forbids frames, foreign scripts and caches; static files may be kept."""
    admin = Admin(server).set_up()
    for path in (HOME, "/dashboard/sign-in", "/dashboard/none", "/dashboard/account"):
        answer = admin.call("GET", path)
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("../site.py", "..%2fsite.py", "/etc/passwd"):
        assert admin.call("GET", f"/dashboard/static/{name}").status == 404
