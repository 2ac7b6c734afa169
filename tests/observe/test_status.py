"""`/health` and `/metrics`: what they say, to whom, and that they come back to well."""

import asyncio
import gc
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from svix.api import Svix, SvixOptions

from consignease.store import backlog
from consignease.store.tx import Tx
from tests.helpers.databases import POSTGRES
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

TOKEN = "a-token-of-sixteen-or-more"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[0.05] * 5) as running:
        yield running


def ask(
    server: RunningServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Send a request without a key."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=30)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    body = answer.read()
    connection.close()
    return answer.status, body, found


def numbers(server: RunningServer) -> dict[str, float]:
    """Every sample of /metrics, as it is written there."""
    status, body, headers = ask(server, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation.endswith(".")
        for one in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in one.labels.items())
            found[f"{one.name}{{{labels}}}" if labels else one.name] = one.value
    return found


def until(check: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until `check` gives something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    return found


def test_metrics_count_what_happened(server: RunningServer) -> None:
    """Attempts by cause, deliveries by end, both parts of the time, commits, requests."""
    before = numbers(server)
    with Receiver() as receiver:
        receiver.fail_next(2, 503)
        receiver.fail_next(1, 404)
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        made = client.call("POST", "/v1/users", {"email_address": ["m@example.com"]}).json
        until(lambda: client.call("GET", "/metrics").status == 200 and len(receiver.requests) >= 4)
        client.call("PATCH", f"/v1/users/{made['id']}", {"first_name": "x"})
        receiver.wait_for(5)
        ended = 'consignease_deliveries_total{state="succeeded"}'
        after = until(lambda: (n := numbers(server))[ended] >= before[ended] + 2 and n)
        client.call("DELETE", f"/api/v1/app/{server.keys().id}/endpoint/{endpoint['id']}")
        client.close()

    def grew(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grew('consignease_attempts_total{result="failed",reason="5xx"}') == 2
    assert grew('consignease_attempts_total{result="failed",reason="4xx"}') == 1
    assert grew('consignease_attempts_total{result="succeeded",reason="2xx"}') == 2
    assert grew("consignease_queue_seconds_count") == 2
    assert grew("consignease_receiver_seconds_count") == 5
    assert grew("consignease_receiver_seconds_sum") > 0
    assert grew("consignease_commit_units_count") >= 5
    assert grew('consignease_http_requests_total{operation="UpdateUser",status="200"}') == 1
    assert after["consignease_http_connections"] >= 1
    assert after["process_resident_memory_bytes"] > 10_000_000
    assert after["consignease_database_up"] == 1
    if not POSTGRES:
        assert after["consignease_wal_bytes"] > 0


def test_the_backlog_is_counted_by_state_and_by_age(server: RunningServer) -> None:
    """What waits for its lane, is due later, or is held by a disabled endpoint."""
    with Receiver() as receiver:
        receiver.respond(429, [("Retry-After", "600")])
        client = server.client("production")
        app = server.keys("production").application_id
        endpoint, _ = add_endpoint(client, app, "http://localhost:9/", disabled=True)
        user = client.call("POST", "/v1/users", {"email_address": ["b@example.com"]}).json["id"]
        client.call("PATCH", f"/v1/users/{user}", {"first_name": "x"})
        del endpoint
        client.close()
        client = server.client()
        mine, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        user = client.call("POST", "/v1/users", {"email_address": ["b@example.com"]}).json["id"]
        client.call("PATCH", f"/v1/users/{user}", {"first_name": "x"})
        receiver.wait_for(1)

        def found() -> Any:
            depth = server.read(backlog.depth, int(time.time() * 1000))
            one = depth[server.keys().id]
            return one.sending == 0 and depth

        depth = until(found)
        client.call("DELETE", f"/api/v1/app/{server.keys().id}/endpoint/{mine['id']}")
        client.close()
    one, held = depth[server.keys().id], depth[server.keys("production").id]
    assert (one.waiting, one.due, one.scheduled, one.held) == (1, 0, 1, 0)
    assert 0 <= one.oldest_ms < 60_000
    assert one.late_ms == 0
    assert (held.held, held.waiting, held.due, held.oldest_ms) in {(0, 0, 0, 0), (2, 0, 0, 0)}


@pytest.mark.skipif(POSTGRES, reason="SQLite says how it reads")
def test_the_backlog_reads_only_the_indexes_of_open_deliveries(server: RunningServer) -> None:
    """Finished deliveries cost nothing: the two partial indexes lead to open ones alone."""

    def plans(tx: Tx) -> list[str]:
        return [
            row["detail"]
            for sql in backlog.STATEMENTS
            for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", {"now": 1} if ":now" in sql else ())
            if "delivery" in row["detail"]
        ]

    first, second = server.read(plans)
    assert first.replace("COVERING ", "") == "SCAN delivery USING INDEX delivery_open"
    assert second.replace("COVERING ", "") == "SCAN delivery USING INDEX delivery_due"


def test_health_names_every_part(server: RunningServer) -> None:
    """Each is ok on a server that is well; HEAD has no body; others are refused as JSON."""
    status, body, headers = ask(server, "/health")
    assert (status, headers["content-type"]) == (200, "application/json")
    parts = ("database", "worker", "sender", "names", "disk", "clock", "deliveries", "tasks")
    parts += ("silence",)
    said = json.loads(body)
    assert tuple(said) == ("status", *parts)
    assert said["database"] == said["sender"] == said["tasks"] == said["clock"] == "ok"
    status, body, headers = ask(server, "/health", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 50
    status, body, headers = ask(server, "/health", "POST")
    assert (status, headers["allow"], json.loads(body)["code"]) == (
        405,
        "GET, HEAD",
        "method_not_allowed",
    )


@pytest.mark.parametrize("path", ["/health/ping", "/api/v1/health/ping"])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_ping_is_answered(server: RunningServer, path: str, slash: str, method: str) -> None:
    """With 204, with a slash or without."""
    assert ask(server, path + slash, method)[:2] == (204, b"")


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
def test_the_health_that_svix_clients_ask_for(server: RunningServer) -> None:
    """Three parts, each ok or error; the official client takes it."""
    status, body, _ = ask(server, "/api/v1/health")
    assert (status, json.loads(body)) == (200, {"database": "ok", "queue": "ok", "cache": "ok"})
    assert ask(server, "/api/v1/health/", "HEAD")[:2] == (200, b"")
    svix: Any = Svix(server.keys().secret_key, SvixOptions(server_url=server.base_url))
    svix.health.get()
    del svix
    gc.collect()  # it never closes the connections that it keeps


def test_metrics_are_for_this_machine_or_for_who_has_a_key(server: RunningServer) -> None:
    """What came through a proxy or under a foreign name is refused, with a key it is not."""
    assert ask(server, "/metrics")[0] == 200
    for headers in ({"X_Forwarded_For": "203.0.113.9"}, {"Host": "rebound.example.com"}):
        status, body, found = ask(server, "/metrics", **headers)
        assert (status, found["www-authenticate"]) == (401, "Bearer")
        assert json.loads(body)["code"] == "authentication_failed"
        key = f"Bearer {server.keys().secret_key}"
        assert ask(server, "/metrics", **headers, Authorization=key)[0] == 200
    assert ask(server, "/metrics", Authorization="Bearer sk_live_wrong")[0] == 401


def test_behind_a_public_url_metrics_and_words_need_a_token(tmp_path: Path) -> None:
    """A proxy on this machine makes strangers look local; they see which part, and no more."""
    settings = {"public_url": "https://id.example.com", "metrics_token": TOKEN}
    with RunningServer(tmp_path / "data", **settings) as server:

        async def bad() -> str:
            return "the secret name of a host"

        server.server.watch.health.parts["extra"] = bad
        assert ask(server, "/metrics")[0] == 401
        said = json.loads(ask(server, "/health")[1])
        assert (said["status"], said["extra"]) == ("degraded", "not ok")
        for token in (TOKEN, server.keys().secret_key):
            key = f"Bearer {token}"
            assert ask(server, "/metrics", Authorization=key)[0] == 200
            said = json.loads(ask(server, "/health", Authorization=key)[1])
            assert said["extra"] == "the secret name of a host"


def test_a_part_that_raises_or_hangs_is_named_and_the_others_answer(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part can make the page fail."""
    monkeypatch.setattr("consignease.observe.health.PART_SECONDS", 0.1)
    parts = server.server.watch.health.parts

    async def raises() -> str:
        raise OSError("no such file")

    async def hangs() -> str:
        await never.wait()
        return "ok"

    never = asyncio.Event()
    parts["raises"], parts["hangs"] = raises, hangs
    try:
        status, body, _ = ask(server, "/health")
    finally:
        del parts["raises"], parts["hangs"]
    said = json.loads(body)
    assert (status, said["status"], said["database"]) == (200, "degraded", "ok")
    assert "no such file" in said["raises"]
    assert said["hangs"] == "no answer within 0.1 s"


def test_every_metric_is_explained_and_the_alerts_name_real_ones(server: RunningServer) -> None:
    """docs/observability.md names each family; docs/alerts.yml nothing that is not there."""
    body = ask(server, "/metrics")[1].decode()
    names = set(re.findall(r"^# TYPE (\S+)", body, re.MULTILINE))
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert sorted(name for name in names if f"`{name}`" not in page) == []
    known = {f"{name}{end}" for name in names for end in ("", "_bucket", "_sum", "_count")}
    rules = yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(alerts) >= 8
    for rule in alerts:
        used = set(re.findall(r"\b(?:consignease|process)_\w+", rule["expr"]))
        assert used, rule
        assert used - known == ({"consignease_wal_bytes"} if POSTGRES else set()) & used, rule
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f"`{rule['alert']}`" in page
