"""Pages stay small, however many endpoints got a message and however often it was tried."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consignease.dashboard import endpoint_pages as list_page
from consignease.dashboard import messages as page
from consignease.dashboard.render import COLOURED, json_html
from consignease.domain.messages import cursor_of
from consignease.store import attempts, views
from consignease.store.tx import Tx
from tests.helpers.dashboard import Admin
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

BASE = "/dashboard/development"
ENDPOINTS, TRIES = 7, 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def sent(server: RunningServer, count: int) -> tuple[str, list[str]]:
    """Send a message to so many endpoints; returns its id and theirs, in the order of the page."""
    client, app = server.client(), server.keys().application_id
    with Receiver() as receiver:
        ends = [add_endpoint(client, app, f"{receiver.url}/{n}")[0]["id"] for n in range(count)]
        made = client.call("POST", f"/api/v1/app/{app}/msg", {"eventType": "a.b", "payload": {}})
        receiver.wait_for(count)
        cursor = cursor_of(server.keys().id, made.json["id"])
        assert cursor is not None
        end = time.monotonic() + 15
        while any(one["state"] < 3 for one in server.read(views.deliveries, cursor)):
            assert time.monotonic() < end
    client.close()
    return made.json["id"], ends


def cards(text: str) -> list[str]:
    """Return the endpoints whose deliveries a page shows."""
    return re.findall(r'<article class="card" id="(ep_\w+)"', text)


def test_a_message_to_many_is_shown_in_pages(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Following "More deliveries" shows each once; a list's link leads to the page with its own."""
    monkeypatch.setattr(page, "DELIVERIES", 3)
    name, ends = sent(server, ENDPOINTS)
    admin = Admin(server).set_up()
    here = path = f"{BASE}/messages/{name}"
    seen: list[str] = []
    while path:
        text = admin.get(path)
        shown = cards(text)
        assert len(shown) <= 3
        seen += shown
        more = re.search(r'href="([^"]*)">More deliveries', text)
        path = more[1] if more else ""
    assert seen == ends
    assert cards(admin.get(f"{here}?at={ends[5]}")) == ends[5:]
    assert cards(admin.get(f"{here}?endpoint={ends[4]}")) == [ends[4]]
    assert cards(admin.get(f"{here}?endpoint=ep_nobody")) == []
    asked = admin.post(f"{here}/curl", {"endpoint": ends[6]}).body.decode()
    assert cards(asked) == [ends[6]]
    assert "curl -i" in asked


def test_where_one_page_holds_all_a_link_to_one_shows_all(server: RunningServer) -> None:
    """The link from an endpoint's attempts does not hide what other endpoints got."""
    name, ends = sent(server, 2)
    admin = Admin(server).set_up()
    listed = admin.get(f"{BASE}/endpoints/{ends[1]}/attempts")
    link = re.search(rf'href="({BASE}/messages/{name}[^"#]*)', listed)
    assert link
    assert cards(admin.get(link[1])) == ends


def test_tries_are_shown_in_pages(server: RunningServer) -> None:
    """The newest are there at once, and "Earlier tries" leads to each of the others once."""
    name, (end,) = sent(server, 1)
    cursor = cursor_of(server.keys().id, name)
    assert cursor is not None
    (delivery,) = server.read(views.deliveries, cursor)

    def more(tx: Tx) -> None:
        rest = (0, 500, None, "", b"", b"no", 0, 0, 900, 1_000, 0, 0)
        number = delivery["endpoint"]
        attempts.insert(tx, [(cursor, number, n, 1_000 * n, *rest) for n in range(2, TRIES + 1)])

    server.write(more)
    admin = Admin(server).set_up()
    path = f"{BASE}/messages/{name}"
    seen: list[int] = []
    while path:
        text = admin.get(path)
        assert f"Accepted after {TRIES} tries" in text
        shown = [int(n) for n in re.findall(rf'id="try-{end}-(\d+)"', text)]
        assert len(shown) <= page.TRIES
        seen += shown
        earlier = re.search(r'href="([^"]*)">Earlier tries', text)
        path = earlier[1].replace("&amp;", "&") if earlier else ""
    assert seen == list(range(TRIES, 0, -1))


def test_json_is_coloured_and_escaped() -> None:
    """Every part of it is escaped, also of what only looks like JSON or is too long to colour."""
    nasty = '</pre><script>alert("x")</script>'
    for value in ({nasty: [nasty, 1, None]}, [nasty] * (COLOURED // 20)):
        shown = json_html(json.dumps(value))
        assert "<script" not in shown
        assert shown.unescape().count("alert") == json.dumps(value).count("alert")
    assert "<script" not in json_html("{" + nasty)
    assert str(json_html('{"a": -1.5e3}')) == (
        '{\n  <span class="j-key">&#34;a&#34;</span>: <span class="j-num">-1500.0</span>\n}'
    )


def test_a_look_at_the_log_ends_in_time(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look whose time is over says how far it got, and the next goes on from there."""
    monkeypatch.setattr(views, "LOOK_SECONDS", 0)
    monkeypatch.setattr(views, "_SLICE", 10)
    client, app = server.client(), server.keys().application_id
    for n in range(35):
        event = {"eventType": "rare.one" if n == 0 else "a.b", "payload": {}}
        assert client.call("POST", f"/api/v1/app/{app}/msg", event).status == 202
    client.close()
    wanted = {"type": "rare.one", "subject": "", "since": 0, "text": b""}
    before: int | None = 2**60
    looks = 0
    found: list[str] = []
    while before is not None:
        rows, before, walked = server.read(views.log, 1, wanted, before, 50)
        assert walked <= 10
        found += [row["type"] for row in rows]
        looks += 1
    assert looks >= 4
    assert found == ["rare.one"]


def test_a_list_of_attempts_has_each_once_also_of_one_millisecond(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages and slices end within many attempts of the same time, and none is skipped."""
    monkeypatch.setattr(views, "_ATTEMPTS_SLICE", 4)
    monkeypatch.setattr(list_page, "PAGE", 3)
    name, (end,) = sent(server, 1)
    cursor = cursor_of(server.keys().id, name)
    assert cursor is not None
    (delivery,) = server.read(views.deliveries, cursor)

    def more(tx: Tx) -> None:
        rest = (0, 500, None, "", b"", b"no", 0, 0, 900, 1_000, 0, 0)
        number = delivery["endpoint"]
        attempts.insert(tx, [(cursor, number, n, 1_000, *rest) for n in range(2, 12)])

    server.write(more)
    admin = Admin(server).set_up()
    path = f"{BASE}/endpoints/{end}/attempts?outcome=failed"
    seen: list[int] = []
    while path:
        text = admin.get(path)
        seen += [int(n) for n in re.findall(r">try (\d+)<", text)]
        more_link = re.search(r'href="([^"]*)">(?:Older attempts|Look further back)', text)
        path = more_link[1].replace("&amp;", "&") if more_link else ""
    assert seen == list(range(11, 1, -1))
