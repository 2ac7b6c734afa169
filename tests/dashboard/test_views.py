"""Pages read a bounded part of large tables, and say how far they got."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.dashboard import users as users_page
from consignease.store import messages, views
from consignease.store.tx import Tx
from tests.helpers.dashboard import Admin
from tests.helpers.databases import POSTGRES
from tests.helpers.server import RunningServer

BASE = "/dashboard/development"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def write_log(tx: Tx, count: int) -> None:
    for number in range(count):
        cursor = tx.next_cursor()
        messages.insert(
            tx,
            cursor=cursor,
            instance=1,
            app=1,
            type="user.created" if number else "role.created",
            subject=None,
            version=1,
            at=1_700_000_000_000 + number,
            body=b'{"needle": 1}' if number == 0 else b"{}",
        )


def plan(tx: Tx, sql: str) -> str:
    if POSTGRES:
        return " ".join(row[0] for row in tx.all(f"EXPLAIN {sql}"))
    return " ".join(row[3] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}"))


def test_the_ends_of_the_log_are_found_without_reading_it(server: RunningServer) -> None:
    """Both ends are searched for: a scan would read every message for every page."""
    text = server.read(plan, views._TOP)
    if POSTGRES:
        # One look at the end of each part that the log is kept in.
        assert text.count("Index Only Scan") == 2 * 2
        assert "Seq Scan" not in text
    else:
        assert text.count("SEARCH message") == 2
        assert "SCAN message" not in text


def test_a_search_says_how_far_it_got_and_goes_on(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies further back than one look is found by the link that goes on."""
    monkeypatch.setattr(views, "MESSAGES_WALKED", 40)
    server.write(write_log, 100)
    admin = Admin(server).set_up()
    first = admin.get(f"{BASE}/messages?q=needle")
    assert "Looked at 40 messages" in first
    assert "Look further back" in first
    wanted: dict[str, object] = {"type": "", "subject": "", "since": 0, "text": b"needle"}
    before: int | None = 2**60
    looks = 0
    rows: list[dict[str, Any]] = []
    while before is not None and not rows:
        rows, before, walked = server.read(views.log, 1, wanted, before, 50)
        assert walked <= 40
        looks += 1
    assert looks == 3
    assert rows[0]["type"] == "role.created"


@pytest.mark.parametrize(("offset", "expected"), [(-1, 0), (0, 0), (50, 50), (99, 99), (500, 100)])
def test_the_first_message_since_a_time_is_found(
    server: RunningServer, offset: int, expected: int
) -> None:
    """The log is in the order of time, so that halving finds the place."""
    first = server.read(views.top) + 1
    server.write(write_log, 100)
    assert server.read(views.first_since, 1_700_000_000_000 + offset) - first == expected


def test_pages_of_users_follow_one_another(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user is on exactly one page; the last page has no link to another."""
    monkeypatch.setattr(users_page, "PAGE", 2)
    client = server.client()
    made = {
        client.call("POST", "/v1/users", {"email_address": [f"u{number}@example.com"]}).json["id"]
        for number in range(5)
    }
    client.close()
    admin = Admin(server).set_up()
    seen: list[str] = []
    query = ""
    while True:
        text = admin.get(f"{BASE}/users{query}")
        seen += [part.split('"')[0] for part in text.split(f'href="{BASE}/users/user_')[1:]]
        if "More users" not in text:
            break
        query = f"?after=user_{seen[-1]}"
    assert sorted(f"user_{one}" for one in seen) == sorted(made)


def test_short_texts_are_not_searched_for(server: RunningServer) -> None:
    """The page says how many characters it takes, and lists everybody."""
    client = server.client()
    client.call("POST", "/v1/users", {"email_address": ["grace@example.com"]})
    client.close()
    admin = Admin(server).set_up()
    text = admin.get(f"{BASE}/users?q=zz")
    assert "at least three characters" in text
    assert "grace@example.com" in text
