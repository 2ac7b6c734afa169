"""Event types of one's own in the Dashboard: in the tree, the catalog, Testing; kept on saving."""

from pathlib import Path

from tests.helpers.dashboard import Admin
from tests.helpers.server import RunningServer, add_endpoint

BASE = "/dashboard/development"


def test_own_event_types_are_offered_and_not_lost_by_saving(tmp_path: Path) -> None:
    """An endpoint that asks for one, archived since, still asks for it after a change elsewhere."""
    with RunningServer(tmp_path / "data") as server:
        admin, client = Admin(server).set_up(), server.client()
        for name in ("invoice.paid", "invoice.lost"):
            body = {"name": name, "description": f"About {name}."}
            assert client.call("POST", "/api/v1/event-type", body).status == 201
        asked = ["invoice.lost", "user.created"]
        app = server.keys().application_id
        made, _ = add_endpoint(client, app, "http://127.0.0.1:9/", filterTypes=asked)
        assert client.call("DELETE", "/api/v1/event-type/invoice.lost").status == 204
        here = f"{BASE}/endpoints/{made['id']}"
        page = admin.get(here)
        assert 'value="invoice.lost" checked' in page
        assert 'value="invoice.paid"' in page
        assert "invoice.lost" not in admin.get(f"{BASE}/endpoints/new")
        assert "About invoice.paid." in admin.get(f"{BASE}/events")
        form = {"description": "Changed", "events_shown": "1", "event_types": asked}
        assert admin.post(here, form).status == 303
        path = f"/api/v1/app/{app}/endpoint/{made['id']}"
        assert client.call("GET", path).json["filterTypes"] == asked
        client.close()
