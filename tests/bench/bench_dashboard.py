"""Pages of the Dashboard over a million users and messages and three million attempts, on SQLite.

Each page is fetched by a signed-in owner over one kept connection: how long the answer takes, and
what CPU the server uses for it (the first does, the second does not count what else the machine has
to do). `apart` holds what is asked for and has no bound of its own: a text that nothing is like.
"""

import random
import re
import statistics
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from consignease.dashboard.site import ROUTES
from consignease.wire.catalogue import CATALOGUE
from tests.bench.bench_engine import cores
from tests.bench.creating import until
from tests.bench.crowd import Crowd, address_of
from tests.bench.processes import cpu_seconds, folder_bytes, pinned
from tests.bench.sizes import size
from tests.bench.stores import Sqlite
from tests.bench.table import Row, measured
from tests.helpers.dashboard import EMAIL, PASSWORD, Admin
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, ServerProcess, add_endpoint

USERS = size("DASHBOARD_USERS", 1_000_000, 20_000)
MESSAGES = size("DASHBOARD_MESSAGES", 1_000_000, 20_000)
FETCHES = size("DASHBOARD_FETCHES", 200, 20)
ENDPOINTS = 20
BASE = "/dashboard/development"
NO_PAGES = {
    *("/dashboard", "/dashboard/sign-in", "/dashboard/setup", "/dashboard/invitation"),
    *("/dashboard/live", "/dashboard/reset"),
}
"""Routes that only lead elsewhere for whoever is signed in, work once, or never end."""


def set_up(server: ServerProcess, url: str) -> None:
    """Make the owner, the endpoints, and the events that the crowd is made after."""
    token = server.ready["setup_url"].partition("setup=")[2]
    form = {"token": token, "name": "Ada Lovelace", "email": EMAIL, "password": PASSWORD}
    made = Admin(server).call("POST", "/dashboard/setup", form)
    assert made.status == 303, made
    client, app = server.client(), server.instance()["application_id"]
    ends = [add_endpoint(client, app, f"{url}/{n}")[0]["id"] for n in range(ENDPOINTS)]
    user = {"email_address": [address_of(0)[1:]], "phone_number": ["+15559999999"]}
    user |= {"username": "sample", "first_name": "Sam", "last_name": "Ple"}
    made = client.call("POST", "/v1/users", user)
    assert made.status == 200, made
    changed = client.call("PATCH", f"/v1/users/{made.json['id']}", {"first_name": "Sim"})
    assert changed.status == 200, changed
    until(lambda: Sqlite(server.folder).still_open() == 0)
    there = f"/api/v1/app/{app}/endpoint/{ends[1]}"
    assert client.call("PATCH", there, {"paused": True}).status == 200
    client.close()


def pages(client: Client, app: str) -> dict[str, list[str]]:
    """Name the pages, each with the paths that are asked for in turn."""
    listed = client.call("GET", f"/api/v1/app/{app}/endpoint?limit=250&order=ascending").json
    busy, paused, *others = [f"{BASE}/endpoints/{one['id']}" for one in listed["data"]]
    newest = client.call("GET", f"/api/v1/app/{app}/msg?limit=100").json["data"]
    wide, *some = [f"{BASE}/messages/{one['id']}" for one in newest]
    users = client.call("GET", "/v1/users?limit=100").json
    people = [f"{BASE}/users/{one['id']}" for one in users]
    dice = random.Random(3)
    searched = [address_of(dice.randrange(USERS)) for _ in range(100)]
    middle = listed["data"][0]["createdAt"][:10]
    return {
        "account": ["/dashboard/account"],
        "team": ["/dashboard/team"],
        "audit": ["/dashboard/audit"],
        "endpoints": [f"{BASE}/endpoints", BASE],
        "endpoint_new": [f"{BASE}/endpoints/new"],
        "verdict": [f"{BASE}/endpoints/verdict?url=http://127.0.0.1:9/x"],
        "overview": [busy, *others[:4]],
        "overview_paused": [paused],
        "secret": [f"{busy}/secret"],
        "testing": [f"{busy}/testing"],
        "advanced": [f"{busy}/advanced"],
        "attempts": [f"{busy}/attempts", f"{others[0]}/attempts"],
        "attempts_failed": [f"{busy}/attempts?outcome=failed"],
        "attempts_none_fits": [f"{busy}/attempts?code=418", f"{busy}/attempts?type=role.created"],
        "attempts_subject": [f"{busy}/attempts?subject={users[50]['id']}"],
        "message": some,
        "message_200_attempts": [wide],
        "logs": [f"{BASE}/messages"],
        "logs_type": [f"{BASE}/messages?type=user.updated"],
        "logs_none_fits": [f"{BASE}/messages?type=role.created"],
        "logs_subject": [f"{BASE}/messages?subject={one['id']}" for one in users[::10]],
        "logs_since": [f"{BASE}/messages?since={middle}T00:00"],
        "logs_text": [f"{BASE}/messages?q=nobody+has+this"],
        "activity": [f"{BASE}/activity"],
        "activity_24h": [f"{BASE}/activity?range=24h"],
        "activity_7d": [f"{BASE}/activity?range=7d"],
        "events": [f"{BASE}/events"],
        "event": [f"{BASE}/events/{name}" for name in CATALOGUE],
        "users": [f"{BASE}/users"],
        "users_page": [f"{BASE}/users?after={one['id']}" for one in users],
        "users_banned": [f"{BASE}/users?show=banned"],
        "users_search": [f"{BASE}/users?q={one}" for one in searched],
        "users_search_many": [
            f"{BASE}/users?q={one}" for one in ("example", "smith", "user", "555")
        ],
        "users_search_none": [f"{BASE}/users?q=nobody{n}nowhere" for n in range(50)],
        "user_new": [f"{BASE}/users/new"],
        "user": people,
        "keys": [f"{BASE}/keys"],
        "settings": [f"{BASE}/settings"],
        "brand": [f"{BASE}/settings/portal"],
        "operational": [f"{BASE}/operational/endpoints", f"{BASE}/operational"],
    }


def unmeasured(named: dict[str, list[str]]) -> list[str]:
    """Return the pages that somebody has added and that are not measured."""
    paths = [path.partition("?")[0] for some in named.values() for path in some]
    # Below `operational` are the same pages once more, about fewer things.
    wanted = (
        {
            route.path
            for route in ROUTES
            if route.method == "GET" and "/operational/endpoints/" not in route.path
        }
        - NO_PAGES
        - {"/dashboard/{instance}/operational/messages/{message}"}
    )
    return sorted(
        path
        for path in wanted
        if not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), one) for one in paths)
    )


class Browser:
    """One kept connection of a signed-in owner."""

    def __init__(self, server: ServerProcess) -> None:
        admin = Admin(server)
        assert admin.sign_in().status == 303
        netloc = urlsplit(server.base_url).netloc
        self._headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in admin.cookies.items())}
        self._connection = HTTPConnection(netloc, timeout=60)

    def fetch(self, path: str) -> bytes:
        """Return what the server sends, as it is on the wire."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body[:500])
        return body

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def first_load(browser: Browser, path: str) -> float:
    """Return the kilobytes of a page's assets on the wire, icon, scripts and styles."""
    page = browser.fetch(path).decode()
    found = set(re.findall(r'(?:src|href)="(/dashboard/static/[^"]+)"', page))
    assert found
    return sum(len(browser.fetch(one)) for one in found) / 1_000


def measure(browser: Browser, pid: int, named: dict[str, list[str]]) -> list[Row]:
    """Fetch every page and return its rows."""
    rows: list[Row] = []
    medians: list[float] = []
    tails: list[float] = []
    for name, paths in named.items():
        for path in paths[:3]:
            browser.fetch(path)
        took: list[float] = []
        cpu = cpu_seconds(pid)
        for n in range(FETCHES):
            began = time.perf_counter()
            browser.fetch(paths[n % len(paths)])
            took.append((time.perf_counter() - began) * 1_000)
        cpu = (cpu_seconds(pid) - cpu) / FETCHES * 1_000
        took.sort()
        medians.append(statistics.median(took))
        tails.append(took[int(len(took) * 0.99)])
        rows.append(measured(f"dashboard.{name} p50", [medians[-1]], "ms"))
        rows.append(measured(f"dashboard.{name} p99", [tails[-1]], "ms"))
        rows.append(measured(f"dashboard.{name} cpu", [cpu], "ms"))
    rows.append(measured("dashboard.worst p50", [max(medians)], "ms"))
    rows.append(measured("dashboard.worst p99", [max(tails)], "ms"))
    return rows


def run() -> list[Row]:
    """Fill a data folder, then fetch every page of its Dashboard."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Receiver() as app, ServerProcess(folder) as server:
            set_up(server, app.url)
        filled = Crowd(folder, USERS, MESSAGES).fill()
        disk = folder_bytes(folder)
        print(f"{USERS:,} users and {MESSAGES:,} messages in {filled:.0f} s", flush=True)
        with pinned(cores()[0]):
            server = ServerProcess(folder)
        with server:
            client, browser = server.client(), Browser(server)
            named = pages(client, server.instance()["application_id"])
            missing = unmeasured(named)
            rows = measure(browser, server.process.pid, named)
            loads = [first_load(browser, f"{BASE}/{end}") for end in ("endpoints", "activity")]
            browser.close()
            client.close()
    if missing:
        print(f"not measured: {', '.join(missing)}")
    return [
        measured("dashboard.disk", [disk / 1e9], "GB"),
        *rows,
        measured("dashboard.first_load", [loads[0]], "kB"),
        measured("dashboard.first_load_charts", [loads[1]], "kB"),
    ]
