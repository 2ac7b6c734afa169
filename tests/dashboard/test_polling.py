"""Polling endpoints in the Dashboard: who fetches, and how far behind they are."""

from typing import Any

import pytest

from consignease.app import pollers
from tests.helpers.dashboard import Admin
from tests.helpers.server import Client, RunningServer

BASE = "/dashboard/development/endpoints"


def destination(client: Client, app: str, uid: str, **more: Any) -> str:
    body = {"uid": uid, "name": uid, "type": "pollingEndpoint", **more}
    made = client.call("POST", f"/api/v1/app/{app}/destination", body)
    assert made.status == 201, made
    return f"/api/v1/app/{app}/poller/{made.json['id']}/consumer"


def fetch(client: Client, here: str, consumer: str, iterator: str = "") -> str:
    """Fetch as a consumer, and return the iterator that says what came was dealt with."""
    query = f"?iterator={iterator}" if iterator else ""
    answer = client.call("GET", f"{here}/{consumer}{query}")
    assert answer.status == 200, answer
    return answer.json["iterator"]


def people(client: Client, count: int) -> None:
    for _ in range(count):
        assert client.call("POST", "/v1/users", {"first_name": "A"}).status == 200


def table(page: str) -> str:
    return page.partition('aria-label="Polling endpoints"')[2].partition("</section>")[0]


def test_the_page_says_how_far_each_consumer_is(
    server: RunningServer, admin: Admin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing without any; then none, up to date, behind by what it has, behind by more, disabled."""
    app = server.keys().application_id
    assert "Polling endpoints" not in admin.get(BASE)
    here = destination(client, app, "warehouse", eventTypes=["user.created"])
    assert "No consumer yet." in table(admin.get(BASE))
    people(client, 2)
    fetch(client, here, "loader", fetch(client, here, "loader"))
    shown = table(admin.get(BASE))
    assert "warehouse" in shown
    assert "user.created" in shown
    assert "Up to date" in shown
    assert "loader" in shown
    people(client, 3)
    user = client.call("POST", "/v1/users", {"first_name": "B"}).json["id"]
    client.call("PATCH", f"/v1/users/{user}", {"first_name": "C"})  # it does not have that
    shown = table(admin.get(BASE))
    assert '4 behind</span><span class="sub">since <time' in shown
    monkeypatch.setattr(pollers, "COUNTED", 2)
    assert "2+ behind" in table(admin.get(BASE))
    client.call("PATCH", f"/api/v1/app/{app}/destination/warehouse", {"status": "disabled"})
    assert "Disabled" in table(admin.get(BASE))


def test_of_many_consumers_those_furthest_behind_are_shown(
    server: RunningServer, admin: Admin, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their number is told, and the first one is the one that stands longest."""
    monkeypatch.setattr(pollers, "SHOWN", 2)
    app = client.call("POST", "/api/v1/app", {"name": "Customer"}).json["id"]
    here = destination(client, app, "many")
    for number, name in enumerate(("first", "second", "third")):
        body = {"eventType": "user.created", "payload": {"n": number}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", body).status == 202
        fetch(client, here, name, fetch(client, here, name))
    link = client.call("POST", f"/api/v1/auth/app-portal-access/{app}", {}).json["token"]
    answer = client.call(
        "GET", f"/portal/{app}/endpoints", None, {"Authorization": f"Bearer {link}"}
    )
    assert answer.status == 200, answer
    shown = table(answer.body.decode())
    assert "3 consumers; those furthest behind are shown" in shown
    assert shown.index("first") < shown.index("second")
    assert "third" not in shown
    assert "Customer" not in admin.get(BASE)
