"""A message's page shows each try's request as it was sent, and where its time went."""

import asyncio
import html
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consignease.dashboard.charts import phases
from consignease.edge.resolver import ResolveError
from tests.helpers.dashboard import Admin
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import Client, RunningServer, add_endpoint

BASE = "/dashboard/development"
MASK = "••••••••"
LOOK_UP = 0.05
"""Seconds that the slow name takes."""


class Names:
    """Knows one name, and needs time for it."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(LOOK_UP)
        if host != "app.test":
            raise ResolveError(f"the name {host} does not resolve")
        return ("127.0.0.1",)

    def cached(self, host: str, port: int) -> Sequence[str] | None:
        return None


class Wall:
    """A wall clock that can be set."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def server(tmp_path: Path, wall: Wall) -> Iterator[RunningServer]:
    with RunningServer(
        tmp_path / "data", resolver=Names(), wall=wall, retry_schedule=[]
    ) as running:
        yield running


def send(server: RunningServer, client: Client, number: int = 1) -> str:
    """Make a message and return its id."""
    app = server.keys().application_id
    made = client.call(
        "POST", f"/api/v1/app/{app}/msg", {"eventType": "a.b", "payload": {"n": number}}
    )
    assert made.status == 202, made
    return made.json["id"]


def tried(admin: Admin, message: str) -> str:
    """Return the message's page once it was tried."""
    end = time.monotonic() + 15
    while 'id="try-' not in (page := admin.get(f"{BASE}/messages/{message}")):
        assert time.monotonic() < end, page
    return page


def head(page: str) -> list[str]:
    """Return the lines that the page shows of the request."""
    found = re.search(r'<pre id="r-[^"]*"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found, page
    return html.unescape(found[1]).splitlines()


def arrived(request: Recorded) -> list[str]:
    """Return the same lines as the receiver saw them, what is secret masked."""
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    for name, value in request.headers:
        secret = name.lower() in {"authorization", "svix-signature", "webhook-signature"}
        lines.append(f"{name}: {MASK if secret else value}")
    return lines


def test_the_head_is_line_by_line_what_arrived(
    server: RunningServer, client: Client, wall: Wall
) -> None:
    """Also with headers and a password of the endpoint's own, and a wall clock that was set."""
    admin = Admin(server).set_up()
    with Receiver() as app:
        url = f"http://app.test:{app.port}/hooks?x=%C3%A9"
        endpoint, secret = add_endpoint(client, server.keys().application_id, url)
        there = f"/api/v1/app/{server.keys().application_id}/endpoint/{endpoint['id']}"
        own = {"headers": {"X-Team": "payments", "X-Api-Key": "own-secret"}}
        assert client.call("PUT", f"{there}/headers", own).status == 204
        basic = {"basicAuth": {"username": "ada", "password": "own-password"}}
        assert client.call("PATCH", there, basic).status == 200
        wall.ahead = -7_200.0
        page = tried(admin, send(server, client))
        (request,) = app.wait_for(1)
    shown = head(page)
    expected = arrived(request)
    assert f"X-Api-Key: {MASK}" in shown
    assert [line.replace("own-secret", MASK) for line in expected] == shown
    assert abs(int(request.header("svix-timestamp") or 0) - wall()) < 60
    assert "X-Team: payments" in shown
    for hidden in ("own-secret", "own-password", request.header("svix-signature") or "", secret):
        assert hidden not in page


def test_what_is_not_certain_is_said(server: RunningServer, client: Client, tmp_path: Path) -> None:
    """A later change of the endpoint, and a later start of the server, are named beside the head."""
    admin = Admin(server).set_up()
    with Receiver() as app:
        endpoint, _ = add_endpoint(client, server.keys().application_id, f"{app.url}/x")
        message = send(server, client)
        page = tried(admin, message)
        assert "was changed after this" not in page
        assert "was started after this" not in page
        there = f"/api/v1/app/{server.keys().application_id}/endpoint/{endpoint['id']}"
        assert client.call("PUT", f"{there}/headers", {"headers": {"X-New": "1"}}).status == 204
        page = tried(admin, message)
        assert "was changed after this" in page
        assert "X-New: 1" in head(page)


def test_a_try_before_the_last_start_says_so(tmp_path: Path) -> None:
    """After a restart, lines that belong to the release are not passed off as certain."""
    with Receiver() as app:
        with RunningServer(tmp_path / "data", retry_schedule=[]) as first:
            admin, client = Admin(first).set_up(), first.client()
            add_endpoint(client, first.keys().application_id, f"{app.url}/x")
            message = send(first, client)
            assert "was started after this" not in tried(admin, message)
            client.close()
        with RunningServer(tmp_path / "data", retry_schedule=[]) as again:
            admin.server = again
            assert admin.sign_in().status == 303
            assert "was started after this" in tried(admin, message)


def test_nothing_is_shown_of_what_was_never_sent(server: RunningServer, client: Client) -> None:
    """A try that ended before its request has no headers, and its time went to the name."""
    admin = Admin(server).set_up()
    add_endpoint(client, server.keys().application_id, "http://nowhere.test/x")
    page = tried(admin, send(server, client))
    assert "Nothing was sent" in page
    assert 'id="r-' not in page
    assert took(page, "DNS") >= LOOK_UP * 1000 - 5
    assert took(page, "Connect") == 0


def took(page: str, label: str) -> float:
    """Return what a phase took, in milliseconds."""
    found = re.search(rf"</i>{label} (–|([\d.]+) (µs|ms|s))", page)
    assert found, page
    size = {"µs": 0.001, "ms": 1, "s": 1000}
    return float(found[2]) * size[found[3]] if found[2] else 0


def test_the_time_that_a_name_took_is_a_phase_of_its_own(
    server: RunningServer, client: Client
) -> None:
    """The look-up is in the DNS time and in the whole, and in no other phase."""
    admin = Admin(server).set_up()
    with Receiver() as app:
        add_endpoint(client, server.keys().application_id, f"http://app.test:{app.port}/x")
        message = send(server, client)
        page = tried(admin, message)
    assert took(page, "DNS") >= LOOK_UP * 1000 - 5
    assert took(page, "Wait") < took(page, "DNS")
    path = f"/api/v1/app/{server.keys().application_id}/attempt/msg/{message}"
    (attempt,) = client.call("GET", path).json["data"]
    assert attempt["responseDurationMs"] >= LOOK_UP * 1000 - 5


def test_an_address_that_is_known_takes_no_time(server: RunningServer, client: Client) -> None:
    """An endpoint by number asks nobody: its DNS time is none."""
    admin = Admin(server).set_up()
    with Receiver() as app:
        add_endpoint(client, server.keys().application_id, f"{app.url}/x")
        page = tried(admin, send(server, client))
    assert took(page, "DNS") == 0
    assert took(page, "Connect") > 0


@pytest.mark.parametrize(
    "times",
    [
        (500, 100, 200, 300, 1_200),
        (0, 0, 0, 0, 0),
        (5_000_000, 0, 0, 0, 5_000_000),
        (0, 900, 900, 900, 1_000),
    ],
)
def test_phases_fill_the_whole(times: tuple[int, ...]) -> None:
    """Phases follow each other without a gap and add up to the whole, whatever was measured."""
    names = ("dns_us", "connect_us", "tls_us", "wait_us", "total_us")
    attempt: dict[str, Any] = dict(zip(names, times, strict=True))
    found = phases(attempt)
    assert [one.key for one in found] == ["dns", "connect", "tls", "wait", "read"]
    assert sum(one.us for one in found) == times[-1]
    at = 0.0
    for one in found:
        assert one.us >= 0
        assert one.x == pytest.approx(at)
        at += one.width
    assert at == pytest.approx(100 if times[-1] else 0)
