"""The commands as users run them: in a process of their own, well and badly."""

import json
import signal
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.command import run
from tests.helpers.receiver import Receiver
from tests.helpers.server import ServerProcess, add_endpoint

HOOK = "http://127.0.0.1:9/api/webhooks"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def test_the_ready_line_has_everything_a_script_needs(server: ServerProcess) -> None:
    """Base URL, and for each instance its name, id, application id and keys."""
    assert server.ready["base_url"].startswith("http://127.0.0.1:")
    for one in server.ready["instances"]:
        assert set(one) == {"name", "id", "application_id", "publishable_key", "secret_key"}
    assert [one["name"] for one in server.ready["instances"]] == ["development", "production"]


def test_folder_and_keys_are_readable_by_their_owner_only(server: ServerProcess) -> None:
    """0700 and 0600; no secret key is stored in clear in the database."""
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    for name in ("keys.json", "keyring.json"):
        assert stat.S_IMODE((server.folder / name).stat().st_mode) == 0o600
    stored = b"".join(file.read_bytes() for file in server.folder.glob("consignease.db*"))
    assert server.instance()["secret_key"].encode() not in stored


def test_a_second_server_on_the_folder_is_refused_in_plain_words(server: ServerProcess) -> None:
    """It names the folder and the process, and says what to do."""
    refused = run("dev", "--port", "0", "--data-dir", str(server.folder))
    assert refused.returncode == 1
    assert str(server.process.pid) in refused.stderr
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr
    # The one that runs is found as before.
    listed = run("endpoints", "list", "--data-dir", str(server.folder))
    assert listed.returncode == 0, listed.stderr


def test_a_port_in_use_is_refused_in_plain_words(server: ServerProcess, tmp_path: Path) -> None:
    """It says which, and how to choose another."""
    port = server.base_url.rpartition(":")[2]
    refused = run("dev", "--port", port, "--data-dir", str(tmp_path / "other"))
    assert refused.returncode == 1
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_endpoints_are_managed_from_the_terminal(server: ServerProcess) -> None:
    """Create, list, get, update, rotate, secret, delete, as text and as JSON."""
    at = ("--data-dir", str(server.folder))
    made = run("endpoints", "create", HOOK, "--event", "user.created", "--uid", "cli", *at)
    assert made.returncode == 0, made.stderr
    assert "CLERK_WEBHOOK_SIGNING_SECRET=whsec_" in made.stdout
    listed = json.loads(run("endpoints", "list", "--json", *at).stdout)
    assert [one["url"] for one in listed if one["uid"] == "cli"] == [HOOK]
    assert "nothing sent" in run("endpoints", "get", "cli", *at).stdout
    assert "disabled" in run("endpoints", "update", "cli", "--disable", *at).stdout
    before = run("endpoints", "secret", "cli", *at).stdout
    assert run("endpoints", "rotate", "cli", *at).stdout != before
    assert run("endpoints", "delete", "cli", *at).returncode == 0
    gone = run("endpoints", "get", "cli", *at)
    assert gone.returncode == 1
    assert "no endpoint" in gone.stderr


def test_ed25519_signatures_are_switched_from_the_terminal(server: ServerProcess) -> None:
    """With a new endpoint, and on and off later; the public key is beside the secret."""
    at = ("--data-dir", str(server.folder))
    made = run("endpoints", "create", HOOK, "--uid", "pairs", "--v1a", *at)
    assert "v1 and v1a" in made.stdout, made.stderr
    key = json.loads(run("endpoints", "secret", "pairs", "--json", *at).stdout)["publicKey"]
    assert key.startswith("whpk_")
    assert "v1a" not in run("endpoints", "update", "pairs", "--no-v1a", *at).stdout
    assert "v1a" in run("endpoints", "update", "pairs", "--v1a", *at).stdout
    assert run("endpoints", "delete", "pairs", *at).returncode == 0


def test_how_an_endpoint_is_treated_is_set_from_the_terminal(server: ServerProcess) -> None:
    """Limits, schedule, timeout and a password; pause and resume; what is shown has no secret."""
    at = ("--data-dir", str(server.folder))
    options = ("--rate-limit", "5", "--concurrency", "2", "--timeout", "30")
    options += ("--backlog-bytes", "20000000")
    more = ("--retry-schedule", "1,2.5", "--basic-auth", "ada:s3cret")
    made = run("endpoints", "create", HOOK, "--uid", "treated", *options, *more, *at)
    assert made.returncode == 0, made.stderr
    for words in (
        "5 a second",
        "2 at once",
        "30 s",
        "20000000 bytes at most",
        "after 1, 2.5 s",
        "ada",
    ):
        assert words in made.stdout
    assert "s3cret" not in made.stdout
    assert "paused" in run("endpoints", "pause", "treated", *at).stdout
    assert "treated" not in run("endpoints", "list", *at).stdout
    assert " paused " in run("endpoints", "list", *at).stdout
    assert "state        new" in run("endpoints", "resume", "treated", "--skip-backlog", *at).stdout
    removed = ("--rate-limit", "none", "--timeout", "default", "--basic-auth", "none")
    changed = run("endpoints", "update", "treated", *removed, "--retry-schedule", "none", *at)
    assert changed.returncode == 0, changed.stderr
    assert "a second" not in changed.stdout
    assert "retries      none" in changed.stdout
    assert "ada" not in changed.stdout
    wrong = run("endpoints", "update", "treated", "--timeout", "soon", *at)
    assert wrong.returncode == 2
    assert "no number" in wrong.stderr
    assert run("endpoints", "delete", "treated", *at).returncode == 0


def test_bad_input_says_what_is_wrong(server: ServerProcess, tmp_path: Path) -> None:
    """Usage errors exit with 2, refusals with 1; never a traceback."""
    at = ("--data-dir", str(server.folder))
    for args, status in (
        (("endpoints", "create", "ftp://example.com", *at), 1),
        (("endpoints", "create", *at), 2),
        (("endpoints", "list", "--instance", "staging", *at), 2),
        (("endpoints", "list", "--data-dir", str(tmp_path)), 1),
        (("env", "--data-dir", str(tmp_path)), 1),
        (("nonsense",), 2),
        (("dev", "--port", "x"), 2),
        (("dev", "--port", "70000"), 2),
    ):
        done = run(*args)
        assert done.returncode == status, (args, done)
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()
    assert list(tmp_path.iterdir()) == []


def test_env_prints_the_lines_of_the_guide(server: ServerProcess, tmp_path: Path) -> None:
    """The guide's three names, and a file's other lines are left alone."""
    at = ("--data-dir", str(server.folder))
    made = json.loads(run("endpoints", "create", HOOK, "--json", *at).stdout)
    text = run("env", *at).stdout
    keys = server.instance()
    assert f"NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY={keys['publishable_key']}\n" in text
    assert f"CLERK_SECRET_KEY={keys['secret_key']}\n" in text
    assert f"CLERK_WEBHOOK_SIGNING_SECRET={made['secret']}\n" in text
    assert 'CLERK_JWT_KEY="-----BEGIN PUBLIC KEY-----\\n' in text
    file = tmp_path / ".env"
    file.write_text("OTHER=1\nCLERK_SECRET_KEY=old\n# a comment\n")
    assert run("env", "--write", str(file), *at).returncode == 0
    lines = file.read_text().splitlines()
    assert lines[:3] == ["OTHER=1", f"CLERK_SECRET_KEY={keys['secret_key']}", "# a comment"]


def test_doctor_finds_nothing_wrong_and_then_what_is(server: ServerProcess, tmp_path: Path) -> None:
    """A sound installation passes; a misspelt variable and an open folder do not."""
    at = ("--data-dir", str(server.folder))
    well = run("doctor", "--json", *at, cwd=tmp_path)
    assert well.returncode == 0, well.stdout
    assert {one["state"] for one in json.loads(well.stdout)} <= {"ok", "note"}
    (tmp_path / ".env").write_text("CLERK_WEBHOOK_SECRET=whsec_x\n")
    ill = run("doctor", *at, cwd=tmp_path)
    assert ill.returncode == 1
    assert "CLERK_WEBHOOK_SIGNING_SECRET" in ill.stdout
    assert run("doctor", "--data-dir", str(tmp_path), cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "public_url"),
        ({"CONSIGNEASE_PUBLIC_URL": "http://id.example.com"}, "https"),
        (
            {"CONSIGNEASE_PUBLIC_URL": "https://id.example.com", "CONSIGNEASE_HOST": "0.0.0.0"},
            "TLS",
        ),
        (
            {
                "CONSIGNEASE_PUBLIC_URL": "https://id.example.com",
                "CONSIGNEASE_BEHIND_PROXY": "true",
            },
            "trusted_proxies",
        ),
    ],
)
def test_serve_refuses_to_start_unsafely(tmp_path: Path, env: dict[str, str], words: str) -> None:
    """It says what is missing, and makes nothing."""
    refused = run("serve", "--data-dir", str(tmp_path / "data"), "--port", "0", **env)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert not (tmp_path / "data").exists()


def test_serve_refuses_a_folder_that_others_can_read(tmp_path: Path) -> None:
    """And names the command that mends it."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    env = {"CONSIGNEASE_PUBLIC_URL": "https://id.example.com"}
    refused = run("serve", "--data-dir", str(tmp_path / "data"), **env)
    assert refused.returncode == 1
    assert "chmod 700" in refused.stderr


def test_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    """A file with an unknown key, a wrong type or broken syntax is a usage error."""
    file = tmp_path / "settings.toml"
    for text in ("port = 'x'", "colour = 'red'", "port ="):
        file.write_text(text)
        refused = run("serve", "--config", str(file))
        assert refused.returncode == 2, refused
        assert "Traceback" not in refused.stderr


def test_a_stopped_server_has_finished_and_released_its_leases(tmp_path: Path) -> None:
    """SIGTERM: exit 0, no delivery is left leased, and the next start delivers the rest."""
    folder = tmp_path / "data"
    with Receiver() as receiver:
        with ServerProcess(folder) as server:
            client = server.client()
            add_endpoint(client, server.instance()["application_id"], receiver.url)
            receiver.fail_next(1, 500)
            client.call("POST", "/v1/users", {"email_address": ["a@example.com"]})
            receiver.wait_for(1)
            client.close()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
            assert not any("Traceback" in line for line in server.log)
        connection = sqlite3.connect(folder / "consignease.db")
        states = connection.execute("SELECT state, tries FROM delivery").fetchall()
        connection.close()
        assert states == [(1, 1)]
        assert not (folder / "server.json").exists()
        with ServerProcess(folder):
            receiver.wait_for(2, 20)
