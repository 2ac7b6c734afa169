"""API keys in the Dashboard: shown once, scoped, revoked at once, audited."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from consignease.app import admins as app
from tests.helpers.dashboard import Admin
from tests.helpers.server import Client, RunningServer

BASE = "/dashboard/development/keys"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def test_a_key_with_scopes_is_made_shown_once_used_and_revoked(server: RunningServer) -> None:
    """Name, scopes and last use are on the page; both actions are in the audit log."""
    admin = Admin(server).set_up()
    form = {"name": "Billing", "scope": ["read", "messages:write"], "days": "30"}
    shown = admin.post(f"{BASE}/api", form)
    assert shown.status == 200
    found = re.search(r"ck_live_[0-9A-Za-z]{43}", shown.body.decode())
    assert found
    key = found[0]
    held = Client(server.base_url, key)
    assert held.call("GET", "/api/v1/app").status == 200
    assert held.call("POST", "/api/v1/app", {"name": "x"}).status == 403
    server.run(server.server._callers.note_uses)  # pyright: ignore[reportPrivateUsage]
    page = admin.get(BASE)
    assert key not in page
    for part in ("Billing", "messages:write", f"ck_live_…{key[-4:]}", "just now"):
        assert part in page
    name = re.search(r'name="key" value="(key_\w+)"', page)
    assert name
    assert admin.post(f"{BASE}/api/revoke", {"key": name[1]}).status == 303
    assert held.call("GET", "/api/v1/app").status == 401
    held.close()
    assert admin.post(f"{BASE}/api/revoke", {"key": name[1]}).status == 404
    lines = [one for one in server.read(app.notes, 2**60, 20) if one["target"] == name[1]]
    assert [one["action"] for one in lines] == ["api_key.revoke", "api_key.create"]
    assert key not in repr(lines)


def test_what_is_missing_is_said_and_a_viewer_may_not(server: RunningServer) -> None:
    """The form comes back with words beside the field; nothing is made."""
    admin = Admin(server).set_up()
    for form, field in (
        ({"name": "", "scope": "read"}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scope": "root"}, "scopes"),
    ):
        refused = admin.post(f"{BASE}/api", form)
        assert refused.status == 422
        assert f'id="error-{field}"'.encode() in refused.body
    viewer = admin.invite("viewer")
    assert viewer.post(f"{BASE}/api", {"name": "x", "scope": "read"}).status == 403
    assert "There are none yet." in viewer.get(BASE)
    assert "Create an API key" not in viewer.get(BASE)
