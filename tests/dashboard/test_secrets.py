"""What pages must not show: secrets before they are revealed, and text of others as markup."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from consignease.app import admins as app
from consignease.domain.messages import message_id
from consignease.store import views
from tests.helpers.dashboard import Admin
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
BASE = "/dashboard/development"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


@pytest.fixture
def admin(server: RunningServer) -> Admin:
    return Admin(server).set_up()


def audited(server: RunningServer) -> list[str]:
    return [row["action"] for row in server.read(app.notes, 2**60, 50)]


def test_the_signing_secret_is_in_no_page_until_it_is_revealed(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Only the reveal shows it, and the audit log says who did that."""
    keys = server.keys()
    endpoint, secret = add_endpoint(client, keys.application_id, "http://127.0.0.1:9/x")
    for tab in ("", "/secret", "/testing", "/attempts", "/advanced"):
        assert secret not in admin.get(f"{BASE}/endpoints/{endpoint['id']}{tab}")
    assert "secret.reveal" not in audited(server)
    shown = admin.post(f"{BASE}/endpoints/{endpoint['id']}/secret/reveal")
    assert secret in shown.body.decode()
    assert f"CLERK_WEBHOOK_SIGNING_SECRET={secret}" in shown.body.decode()
    assert audited(server)[0] == "secret.reveal"
    log = admin.get("/dashboard/audit")
    assert secret not in log
    assert admin.post(f"{BASE}/endpoints/{endpoint['id']}/secret/rotate").status == 303
    again = admin.post(f"{BASE}/endpoints/{endpoint['id']}/secret/reveal").body.decode()
    assert secret not in again
    viewer = admin.invite("viewer")
    refused = viewer.post(f"{BASE}/endpoints/{endpoint['id']}/secret/reveal")
    assert refused.status == 403
    assert b"whsec_" not in refused.body


def test_a_new_key_is_shown_once_and_a_revoked_one_is_refused_at_once(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """The page keeps four characters; a revoked key stops working although it was just used."""
    assert client.call("GET", "/v1/users").status == 200
    page = admin.post(f"{BASE}/keys").body.decode()
    fresh = page.split("CLERK_SECRET_KEY=")[1].split("<")[0]
    assert fresh.startswith("sk_live_")
    assert fresh not in admin.get(f"{BASE}/keys")
    rows = server.read(views.secret_keys, 1)
    old = server.keys().secret_key
    row = next(row for row in rows if row["last4"] == old[-4:])
    assert admin.post(f"{BASE}/keys/revoke", {"key": row["hash"]}).status == 303
    assert client.call("GET", "/v1/users").status == 401
    other = next(row for row in rows if row["last4"] != old[-4:])
    assert admin.post(f"{BASE}/keys/revoke", {"key": other["hash"]}).status == 403
    assert {"key.create", "key.revoke"} <= set(audited(server))


def test_text_of_others_is_never_markup(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """Names, metadata, descriptions, headers, answers and search texts are shown as text."""
    keys = server.keys()
    with Receiver() as receiver:
        receiver.respond(500, (("x-evil", EVIL),), EVIL.encode())
        endpoint, _ = add_endpoint(
            client,
            keys.application_id,
            receiver.url + "/" + "%22%3E%3Cscript%3Ealert(1)",
            description=EVIL,
            headers={"x-mine": EVIL},
        )
        user = client.call(
            "POST",
            "/v1/users",
            {
                "first_name": EVIL,
                "last_name": EVIL,
                "external_id": EVIL,
                "email_address": ["a@example.com"],
                "public_metadata": {EVIL: EVIL},
            },
        ).json
        receiver.wait_for(1)
        rows: list[dict[str, Any]] = []
        while not rows:
            every = {"type": "", "outcome": "", "code": 0, "subject": ""}
            rows, _ = server.read(views.attempts, 1, 1, every, views.NEWEST, 5)
        name = message_id(keys.id, rows[0]["cursor"], rows[0]["message_at"])
    here = f"{BASE}/endpoints/{endpoint['id']}"
    pages = [
        f"{BASE}/endpoints",
        *(here + tab for tab in ("", "/secret", "/testing", "/attempts", "/advanced")),
        f"{here}/attempts?subject={quote(EVIL)}&type={quote(EVIL)}&code=500",
        f"{BASE}/messages/{name}",
        f"{BASE}/messages?q={quote(EVIL)}&subject={quote(EVIL)}&since={quote(EVIL)}",
        f"{BASE}/users",
        f"{BASE}/users?q={quote(EVIL)}",
        f"{BASE}/users/{user['id']}",
        f"{BASE}/activity?endpoint={quote(EVIL)}",
        "/dashboard/audit",
        "/dashboard/team",
    ]
    for path in pages:
        text = admin.get(path)
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path


def test_forms_that_cannot_be_used_come_back_as_they_were(
    server: RunningServer, admin: Admin, client: Client
) -> None:
    """A refused form has the words beside its field and loses nothing; no answer is a 500."""
    form: dict[str, object] = {
        "url": "ftp://x/",
        "description": EVIL,
        "event_types": ["user.created"],
    }
    form["events_shown"] = "1"
    answer = admin.post(f"{BASE}/endpoints", form)
    text = answer.body.decode()
    assert answer.status == 422
    assert 'id="error-url"' in text
    assert "ftp://x/" in text
    assert 'value="user.created" checked' in text
    assert "<script>alert" not in text
    for path in ("endpoints", "users", "keys", "messages/msg_x/check", "endpoints/x/replay"):
        for odd in (
            {},
            {"url": "\0"},
            {"event_types": "no.such"},
            {"email_address": "x"},
        ):
            assert admin.post(f"{BASE}/{path}", dict(odd)).status in {200, 303, 404, 422}, path
    for path in (
        "endpoints?after=%00",
        "messages?before=9999999999999999",
        "messages?since=0001-01-01",
        "users?after=%F0%00",
        "users?q=%00",
        "events/none",
        "endpoints/x/attempts?code=%F0",
        "activity?range=x&endpoint=%27",
        "messages/msg_%00",
        "users/%00",
        "endpoints/verdict?url=%00",
    ):
        assert admin.call("GET", f"{BASE}/{path}").status in {200, 404}, path


def test_a_verdict_comes_in_plain_words(server: RunningServer, admin: Admin) -> None:
    """While the URL is typed, the page says whether and why it can be used."""
    page = admin.get(f"{BASE}/endpoints/verdict?url=http://127.0.0.1:3000/api/webhooks")
    assert "127.0.0.1 is a loopback address" in page
    metadata = admin.get(f"{BASE}/endpoints/verdict?url=http://169.254.169.254/")
    assert "verdict bad" in metadata
    private = admin.get("/dashboard/production/endpoints/verdict?url=http://10.0.0.8/")
    assert "verdict bad" in private
    assert "public addresses" in private
