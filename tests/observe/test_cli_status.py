"""`consignease status` shows what the server says of itself."""

import json
from pathlib import Path

from tests.helpers.command import run
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint


def test_status_shows_health_backlog_and_rates(tmp_path: Path) -> None:
    """As a table and as JSON, and says what to do where no server runs."""
    folder = tmp_path / "data"
    # A public URL: its words are for who has a key, and the command has one.
    with (
        RunningServer(folder, public_url="https://id.example.com") as server,
        Receiver() as receiver,
    ):
        client = server.client()
        add_endpoint(client, server.keys().application_id, receiver.url)
        client.call("POST", "/v1/users", {"email_address": ["s@example.com"]})
        client.close()
        receiver.wait_for(1)

        async def bad() -> str:
            return "words"

        server.server.watch.health.parts["extra"] = bad
        shown = run("status", "--data-dir", str(folder))
        assert shown.returncode == 0, shown.stderr
        first, *rest = shown.stdout.splitlines()
        assert first == "! degraded"
        assert "  ! extra: words" in rest
        heads, development, *rest = rest[rest.index("") + 1 :]
        assert heads.split()[:3] == ["instance", "waiting", "due"]
        assert development.split()[0] == "development"
        assert any(line.startswith("attempts") and "succeeded" in line for line in rest)
        found = json.loads(run("status", "--data-dir", str(folder), "--json").stdout)
        assert found["health"]["database"] == "ok"
        assert found["numbers"]["consignease_database_up"] == 1

        async def vital() -> str:
            return "gone"

        server.server.watch.health.parts["sender"] = vital
        assert run("status", "--data-dir", str(folder)).returncode == 1
    stopped = run("status", "--data-dir", str(folder))
    assert stopped.returncode == 1
    assert "No server runs" in stopped.stderr
