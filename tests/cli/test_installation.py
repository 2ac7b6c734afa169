"""Export, backup, restore and seed, as they are used: on a running server."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command import run
from tests.helpers.databases import POSTGRES, database_of
from tests.helpers.load import Load
from tests.helpers.server import ServerProcess

of_the_file = pytest.mark.skipif(POSTGRES, reason="backups are of the SQLite file")

USER = {
    "first_name": "Zoë",
    "username": "zoe.99",
    "external_id": "ext/1",
    "email_address": ["zoe@example.com", "second@example.com"],
    "email_address_identification_status": ["verified", "reserved"],
    "phone_number": ["+15555550100"],
    "password_digest": "900150983cd24fb0d6963f7d28e17f72",
    "password_hasher": "md5",
    "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DP",
    "backup_codes": ["one", "two"],
    "public_metadata": {"plan": "pro"},
    "private_metadata": {"a": [1, None]},
    "created_at": "2020-01-02T03:04:05.678Z",
    "banned": True,
    "delete_self_enabled": False,
}
VOLATILE = {"updated_at", "password_last_updated_at", "mfa_enabled_at", "image_url"}
VOLATILE |= {"profile_image_url"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def call(server: ServerProcess, method: str, path: str, body: object = None) -> Any:
    client = server.client()
    try:
        return client.call(method, path, body).json
    finally:
        client.close()


def everybody(server: ServerProcess) -> list[dict[str, Any]]:
    """Every user, without what an import cannot bring along."""
    found = call(server, "GET", "/v1/users?limit=500&order_by=created_at")
    for user in found:
        for name in VOLATILE:
            del user[name]
        for one in (*user["email_addresses"], *user["phone_numbers"]):
            for name in ("id", "created_at", "updated_at"):
                del one[name]
        user["primary_email_address_id"] = bool(user["primary_email_address_id"])
        user["primary_phone_number_id"] = bool(user["primary_phone_number_id"])
    return found


def test_exported_users_are_imported_with_ids_and_secrets(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Into another installation: equal but for a few times; passwords and codes are right."""
    call(server, "POST", "/v1/users", USER)
    for n in range(3):
        call(server, "POST", "/v1/users", {"email_address": [f"x{n}@example.com"]})
    file = tmp_path / "people.jsonl"
    database = {"CONSIGNEASE_DATABASE_URL": database_of(str(server.folder))} if POSTGRES else {}
    done = run("export", str(file), "--data-dir", str(server.folder), **database)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with ServerProcess(tmp_path / "other") as other:
        args = ("users", "import", str(file), "--no-events", "--json")
        done = run(*args, "--data-dir", str(other.folder))
        assert json.loads(done.stdout)["refused"] == 0, done.stderr
        assert everybody(other) == everybody(server)
        user_id = call(other, "GET", "/v1/users?username=zoe.99")[0]["id"]
        for path, body in (
            ("verify_password", {"password": "abc"}),
            ("verify_totp", {"code": "two"}),
        ):
            assert call(other, "POST", f"/v1/users/{user_id}/{path}", body)["verified"] is True
        again = run(*args, "--data-dir", str(other.folder))
        assert json.loads(again.stdout)["created"] == 0


@of_the_file
def test_a_backup_of_a_live_server_is_restored(server: ServerProcess, tmp_path: Path) -> None:
    """What was acknowledged before the backup began is in it, while changes go on."""
    load = Load(threads=4)
    load.start(server.base_url, server.instance()["secret_key"])
    before = call(server, "POST", "/v1/users", {"external_id": "before"})
    file = tmp_path / "all.backup"
    done = run("backup", str(file), "--data-dir", str(server.folder))
    load.stop()
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    folder = tmp_path / "restored"
    done = run("restore", str(file), "--data-dir", str(folder))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((folder / "keyring.json").stat().st_mode) == 0o600
    with ServerProcess(folder) as restored:
        assert restored.instance() == server.instance()
        assert call(restored, "GET", f"/v1/users/{before['id']}") == before
    again = run("restore", str(file), "--data-dir", str(folder))
    assert again.returncode == 1
    assert "holds a database already" in again.stderr


@of_the_file
def test_what_is_no_backup_is_refused_and_leaves_nothing(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Neither another file nor half a backup makes an installation."""
    whole = tmp_path / "whole"
    run("backup", str(whole), "--data-dir", str(server.folder))
    bad = tmp_path / "bad"
    for content in (b"x" * 2000, whole.read_bytes()[:6000]):
        bad.write_bytes(content)
        done = run("restore", str(bad), "--data-dir", str(tmp_path / "new"))
        assert done.returncode == 1
        assert "Error" in done.stderr
        assert list((tmp_path / "new").iterdir()) == []


def test_a_backup_that_cannot_be_written_says_why(server: ServerProcess, tmp_path: Path) -> None:
    """No half of one is left behind."""
    done = run("backup", str(tmp_path / "no" / "where"), "--data-dir", str(server.folder))
    assert done.returncode == 1
    assert "No backup was made" in done.stderr


def test_seeds_have_the_same_ids_everywhere(server: ServerProcess, tmp_path: Path) -> None:
    """Given ids or derived ones; seeding twice changes nothing."""
    file = tmp_path / "seed.json"
    fixed = "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"
    seed = {
        "users": [
            {"id": fixed, "email_address": ["fixed@example.com"]},
            {"email_address": ["derived@example.com"], "first_name": "Ann"},
        ],
        "endpoints": [{"uid": "app", "url": "http://127.0.0.1:9/hook", "events": ["user.created"]}],
    }
    file.write_text(json.dumps(seed))
    seen: list[list[str]] = []
    with ServerProcess(tmp_path / "other") as other:
        for one in (server, other, other):
            done = run("seed", str(file), "--data-dir", str(one.folder))
            assert done.returncode == 0, done.stderr
            query = "email_address=fixed@example.com&email_address=derived@example.com"
            users = call(one, "GET", f"/v1/users?{query}")
            seen.append(
                sorted(
                    [user["id"] for user in users]
                    + [email["id"] for user in users for email in user["email_addresses"]]
                )
            )
        assert "0 users and 0 endpoints made, 3 were there." in done.stdout
    assert seen[0] == seen[1] == seen[2]
    assert fixed in seen[0]
    bad = tmp_path / "bad.json"
    for text in ('{"users": [{}]}', '{"people": []}', "["):
        bad.write_text(text)
        done = run("seed", str(bad), "--data-dir", str(server.folder))
        assert done.returncode == 1
        assert "Error" in done.stderr
