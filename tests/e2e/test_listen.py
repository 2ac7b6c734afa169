"""`consignease listen`, as a process, between a real server and a real application."""

import json
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.webhooks import verify_webhook
from tests.helpers.command import run
from tests.helpers.listening import ListenProcess
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import Client, RunningServer, ServerProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    client = server.client()
    yield client
    client.close()


def folder(server: RunningServer) -> Path:
    return Path(server.settings.data_dir)


def create(client: Client, **values: Any) -> dict[str, Any]:
    made = client.call("POST", "/v1/users", values)
    assert made.status == 200, made
    return made.json


def events(requests: list[Recorded]) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_event_arrives_byte_for_byte_and_verifies(server: RunningServer, client: Client) -> None:
    """Body as stored, signature of the printed secret, the header that was added, the path."""
    with Receiver() as app:
        url = f"{app.url}/api/webhooks?a=1"
        with ListenProcess(folder(server), url, "--header", "X-Debug: é 1") as listener:
            secret = listener.wait_for("listening")[0]["secret"]
            create(client, first_name="Zoë \u2028 \U0001f600", last_name="</script>")
            request = app.wait_for(1)[0]
            assert listener.wait_for("forwarded")[0]["status"] == 200
    stored = server.read(lambda tx: tx.one("SELECT body FROM message")[0])
    assert request.body == stored
    assert (request.method, request.path) == ("POST", "/api/webhooks?a=1")
    assert request.header("x-debug") == "é 1"
    assert request.header("consignease-attempt") == "1"
    event = verify_webhook(request.body, request.headers, secret=secret)
    assert event.type == "user.created"


def test_what_happens_while_away_waits_and_comes_in_order(
    server: RunningServer, client: Client
) -> None:
    """Three events wait for the next listener, which says so and has the same secret."""
    with Receiver() as app:
        with ListenProcess(folder(server), app.url) as listener:
            first = listener.wait_for("listening")[0]
        user = create(client, first_name="A")
        for name in ("B", "C"):
            client.call("PATCH", f"/v1/users/{user['id']}", {"first_name": name})
        with ListenProcess(folder(server), app.url) as listener:
            second = listener.wait_for("listening")[0]
            listener.wait_for("forwarded", 3)
    assert second["waiting"] == 3
    assert second["secret"] == first["secret"]
    found = events(app.requests)
    assert [one["sync"]["version"] for one in found] == [1, 2, 3]
    assert [one["data"]["first_name"] for one in found] == ["A", "B", "C"]


def test_the_lines_say_how_many_events_waited(server: RunningServer, client: Client) -> None:
    """As people read it: where, which secret, what waited, one line an event."""
    with Receiver() as app:
        at = ("--forward-to", app.url, "--data-dir", str(folder(server)))
        assert run("listen", "--print-secret", "--data-dir", str(folder(server))).returncode == 0
        for name in "ABC":
            create(client, first_name=name)
        done = run("listen", *at, "--exit-after", "3")
    assert done.returncode == 0, done
    assert f"Listening for {app.url}" in done.stdout
    assert "CLERK_WEBHOOK_SIGNING_SECRET=whsec_" in done.stdout
    assert "3 events waited." in done.stdout
    assert done.stdout.count("-> 200") == 3


def test_an_application_that_is_down_is_seen_and_tried_again(
    server: RunningServer, client: Client
) -> None:
    """The reason is printed and recorded as an attempt; seconds later it arrives, as try 2."""
    port = free_port()
    with ListenProcess(folder(server), f"http://localhost:{port}/hook") as listener:
        listener.wait_for("listening")
        create(client, first_name="A")
        failed = listener.wait_for("forwarded")[0]
        assert failed["status"] == 0
        assert "connection refused" in failed["error"]
        with Receiver(port=port) as app:
            request = app.wait_for(1)[0]
            listener.wait_for("forwarded", 2)
    assert request.header("consignease-attempt") == "2"
    rows = server.read(lambda tx: tx.all("SELECT n, status, phase, error FROM attempt ORDER BY n"))
    assert [(row["n"], row["status"], row["phase"]) for row in rows] == [
        (1, 0, "connect"),
        (2, 200, None),
    ]
    assert "connection refused" in rows[0]["error"]


def test_events_of_one_user_never_overtake_each_other(
    server: RunningServer, client: Client
) -> None:
    """Ten users change five times each; every user's versions arrive in order."""
    with Receiver() as app, ListenProcess(folder(server), app.url) as listener:
        listener.wait_for("listening")
        app.fail_next(7)
        users = [create(client, first_name="0")["id"] for _ in range(10)]
        for step in range(1, 6):
            for user in users:
                client.call("PATCH", f"/v1/users/{user}", {"first_name": str(step)})
        # A failed try comes once more.
        app.wait_for(67, 30)
    versions: dict[str, list[int]] = defaultdict(list)
    for event in events(app.requests):
        versions[event["data"]["id"]].append(event["sync"]["version"])
    assert len(versions) == 10
    for seen in versions.values():
        assert seen == sorted(seen)
        assert sorted(set(seen)) == [1, 2, 3, 4, 5, 6]


def test_the_past_is_brought_back_in_order(server: RunningServer, client: Client) -> None:
    """--since delivers what was before the listener, or was delivered already; filters hold."""
    user = create(client, first_name="A")["id"]
    client.call("PATCH", f"/v1/users/{user}", {"first_name": "B"})
    client.call("DELETE", f"/v1/users/{user}")
    with Receiver() as app:
        at = ("--forward-to", app.url, "--data-dir", str(folder(server)))
        for _ in range(2):
            done = run("listen", *at, "--since", "10m", "--exit-after", "3")
            assert done.returncode == 0, done
        kinds = [event["type"] for event in events(app.requests)]
        assert kinds == ["user.created", "user.updated", "user.deleted"] * 2
        app.clear()
        cursor = str(server.read(lambda tx: tx.one("SELECT min(cursor) FROM message")[0]))
        wanted = ("--events", "user.*,!user.deleted", "--since", cursor)
        done = run("listen", *at, *wanted, "--exit-after", "1", "--output", "quiet")
        assert (done.returncode, done.stdout) == (0, "")
        assert [event["type"] for event in events(app.requests)] == ["user.updated"]


def test_after_days_away_what_is_old_is_given_up_and_said(
    server: RunningServer, client: Client
) -> None:
    """Only what waited longer than a day, and never what is just being brought back."""
    days = 3 * 86_400_000
    with Receiver() as app:
        at = ("--forward-to", app.url, "--data-dir", str(folder(server)))
        assert run("listen", "--print-secret", *at).returncode == 0
        for name in "ABC":
            create(client, first_name=name)
        newest = "cursor < (SELECT max(cursor) FROM message)"
        server.write(lambda tx: tx.run("UPDATE endpoint SET created_at = created_at - ?", (days,)))
        server.write(lambda tx: tx.run(f"UPDATE message SET at = at - ? WHERE {newest}", (days,)))
        done = run("listen", *at, "--exit-after", "1")
        assert "2 events given up" in done.stdout
        assert [event["data"]["first_name"] for event in events(app.requests)] == ["C"]
        app.clear()
        app.respond(500)
        assert run("listen", *at, "--since", "7d", "--fail-on", "5xx").returncode == 5
        app.respond(200)
        done = run("listen", *at, "--exit-after", "3")
        assert done.returncode == 0, done
        assert "given up" not in done.stdout


def test_the_newest_listener_of_a_name_wins_and_the_other_says_so(
    server: RunningServer, client: Client
) -> None:
    """The first ends with 4 and names the second; nothing is lost between them."""
    with Receiver() as app, ListenProcess(folder(server), app.url) as first:
        first.wait_for("listening")
        with ListenProcess(folder(server), app.url) as second:
            assert "process" in second.wait_for("listening")[0]["replaced"]
            first._reader.join(20)
            assert first.process.wait(20) == 4
            create(client, first_name="A")
            second.wait_for("forwarded")
    assert len(app.requests) == 1


def test_requests_are_kept_and_can_be_verified(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    """--save writes what `consignease verify` reads; --write-env what the application reads."""
    kept, env = tmp_path / "kept", tmp_path / ".env"
    env.write_text("OTHER=1\n")
    with Receiver() as app:
        save = ("--save", str(kept), "--write-env", str(env), "--exit-after", "1")
        with ListenProcess(folder(server), app.url, *save) as listener:
            secret = listener.wait_for("listening")[0]["secret"]
            create(client, first_name="A")
            assert listener.ended() == 0
    assert env.read_text() == f"OTHER=1\nCLERK_WEBHOOK_SIGNING_SECRET={secret}\n"
    (file,) = kept.iterdir()
    checked = run("verify", "--request", str(file), "--secret", secret)
    assert checked.returncode == 0, checked


def test_scripts_learn_what_happened_from_the_exit_code(
    server: RunningServer, client: Client
) -> None:
    """5 for an application that fails under --fail-on, 1 when the time is over."""
    with Receiver() as app:
        app.respond(500)
        with ListenProcess(folder(server), app.url, "--fail-on", "5xx") as listener:
            listener.wait_for("listening")
            create(client, first_name="A")
            assert listener.ended() == 5
        with ListenProcess(folder(server), app.url, "--name", "x", "--within", "0.2") as listener:
            assert listener.ended() == 1


def test_a_gone_application_does_not_end_the_listening(
    server: RunningServer, client: Client
) -> None:
    """410 disables a real endpoint; here it is a failed try like any other."""
    with Receiver() as app, ListenProcess(folder(server), app.url) as listener:
        listener.wait_for("listening")
        app.fail_next(1, 410)
        create(client, first_name="A")
        assert [line["status"] for line in listener.wait_for("forwarded", 2)] == [410, 200]


def test_a_server_that_was_killed_is_found_again(tmp_path: Path) -> None:
    """The listener says that it is lost and goes on by itself, wherever the server is now."""
    with Receiver() as app:
        with ServerProcess(tmp_path / "data") as server:
            listener = ListenProcess(tmp_path / "data", app.url)
            listener.wait_for("listening")
            before = server.client()
            create(before, first_name="A")
            before.close()
            listener.wait_for("forwarded")
            server.kill()
        with listener, ServerProcess(tmp_path / "data") as server:
            after = server.client()
            create(after, first_name="B")
            after.close()
            assert listener.wait_for("lost")
            listener.wait_for("forwarded", 2)
    assert {event["data"]["first_name"] for event in events(app.requests)} == {"A", "B"}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "--forward-to http://localhost:3000/api/webhooks"),
        (("--forward-to", "3000"), 2, "http://localhost:3000/api/webhooks"),
        (("--forward-to", "localhost:3000"), 2, "http://"),
        (("--forward-to", "http://u:p@localhost/"), 2, "http://"),
        (("--forward-to", "http://x/\r\nA: b"), 2, "http://"),
        (("--forward-to", "http://x/", "--events", "usr.*"), 2, "'user.*,!user.deleted'"),
        (("--forward-to", "http://x/", "--events", "!*"), 2, "no event type"),
        (("--forward-to", "http://x/", "--since", "soon"), 2, "10m"),
        (("--forward-to", "http://x/", "--header", "a b: c"), 2, "X-Debug: 1"),
        (("--forward-to", "http://x/", "--header", "Host: c"), 2, "Host"),
        (("--forward-to", "http://x/", "--server", "http://127.0.0.1:9"), 2, "CLERK_SECRET_KEY"),
        (("--forward-to", "http://x/", "--name", "a b"), 2, "letters"),
        (("--forward-to", "http://x/", "--data-dir", "nowhere"), 1, "consignease dev"),
    ],
)
def test_wrong_usage_is_refused_with_an_example(
    server: RunningServer, args: tuple[str, ...], code: int, words: str
) -> None:
    """Exit code 2 and what would be right; never a traceback."""
    at = () if "--data-dir" in args else ("--data-dir", str(folder(server)))
    done = run("listen", *args, *at, CLERK_SECRET_KEY="", CLERK_API_URL="")
    assert done.returncode == code, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_ends_it_with_3(server: RunningServer) -> None:
    """A server far away, and a key that it does not know."""
    at = ("--forward-to", "http://127.0.0.1:9/", "--server", server.base_url)
    done = run("listen", *at, CLERK_SECRET_KEY="sk_live_x")
    assert done.returncode == 3, done
    assert "key" in done.stderr


def test_metadata_addresses_are_refused(server: RunningServer, client: Client) -> None:
    """Events are not taken to a cloud's metadata service; the attempt says why."""
    url = "http://169.254.169.254/latest"
    with ListenProcess(folder(server), url, "--fail-on", "any") as listener:
        listener.wait_for("listening")
        create(client, first_name="A")
        assert "metadata" in listener.wait_for("forwarded")[0]["error"]
        assert listener.ended() == 5
