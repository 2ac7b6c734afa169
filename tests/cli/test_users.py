"""`consignease users` as it is used: in a process of its own, on a running server."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command import run
from tests.helpers.server import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


def users(server: ServerProcess, *args: str) -> Any:
    return run("users", *args, "--data-dir", str(server.folder))


def shown(server: ServerProcess, *args: str) -> Any:
    done = users(server, *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_user_is_created_shown_changed_banned_and_deleted(server: ServerProcess) -> None:
    """By id, address, username and external id; what is not named stays."""
    made = shown(
        server,
        "create",
        "--email",
        "walk@example.com",
        "--username",
        "walker",
        "--external-id",
        "ext-walk",
        "--public-metadata",
        '{"plan": "pro", "a": 1}',
    )
    for who in (made["id"], "WALK@example.com", "walker", "ext-walk"):
        assert shown(server, "get", who) == made
    changed = shown(
        server, "update", "walker", "--first-name", "Zoë", "--public-metadata", '{"a": null}'
    )
    assert (changed["first_name"], changed["username"]) == ("Zoë", "walker")
    assert changed["public_metadata"] == {"plan": "pro"}
    assert shown(server, "ban", "walker")["banned"] is True
    text = users(server, "get", "walker").stdout
    assert "banned" in text
    assert "walk@example.com (verified)" in text
    listed = users(server, "list", "--query", "walk@example")
    assert made["id"] in listed.stdout
    assert "1 to 1 of 1" in listed.stdout
    refused = users(server, "delete", "walker")
    assert refused.returncode == 1
    assert shown(server, "delete", "walker", "--yes")["deleted"] is True
    gone = users(server, "get", "walker")
    assert gone.returncode == 1
    assert "No user has" in gone.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("create", "--email", "nobody"), "valid email address"),
        (("create", "--public-metadata", "[1]"), "JSON object"),
        (("create", "--public-metadata", "{"), "no JSON"),
        (("create", "--username", "a b c d"), "can only contain"),
        (("get", "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"), "No user has"),
        (("list", "--order-by", "shoe_size"), "order_by must be one of"),
        (("import", "/nowhere.jsonl"), "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_plain_words(
    server: ServerProcess, args: tuple[str, ...], words: str
) -> None:
    """One sentence, no traceback, and an exit code that is not zero."""
    done = users(server, *args)
    assert done.returncode in {1, 2}
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_json_lines_are_imported_once_however_often(server: ServerProcess, tmp_path: Path) -> None:
    """Bad lines are named; a second run creates nobody twice and says the same of bad ones."""
    file = tmp_path / "people.jsonl"
    lines = [
        {"external_id": f"old-{n}", "email_address": [f"old{n}@example.com"]} for n in range(300)
    ]
    lines[0] |= {"password_digest": "900150983cd24fb0d6963f7d28e17f72", "password_hasher": "md5"}
    bad = [
        "{",
        "[1]",
        '{"first_name": "nobody"}',
        '{"external_id": 7}',
        '{"external_id": "x", "password_digest": "y", "password_hasher": "md5"}',
    ]
    file.write_text("\n".join([*map(json.dumps, lines), "", *bad]) + "\n", encoding="utf-8")

    dry = users(server, "import", str(file), "--dry-run", "--json")
    assert (dry.returncode, json.loads(dry.stdout)) == (1, {"valid": 300, "refused": 5})
    for created, exists in ((300, 0), (0, 300)):
        done = users(server, "import", str(file), "--json")
        counts = {"created": created, "exists": exists, "refused": 5}
        assert (done.returncode, json.loads(done.stdout)) == (1, counts), done.stderr
        report = (tmp_path / "people.jsonl.refused.jsonl").read_text(encoding="utf-8")
        assert [json.loads(line)["line"] for line in report.splitlines()] == [
            302,
            303,
            304,
            305,
            306,
        ]
    database = sqlite3.connect(server.folder / "consignease.db")
    sql = "SELECT count(*), count(DISTINCT external_id) FROM user WHERE external_id LIKE 'old-%'"
    assert database.execute(sql).fetchone() == (300, 300)
    sql = "SELECT count(*) FROM message m JOIN object o ON o.no = m.subject JOIN user u ON u.id = o.id WHERE u.external_id LIKE 'old-%'"
    assert database.execute(sql).fetchone() == (300,)
    database.close()


CSV = """\ufeffid,first_name,last_name,username,primary_email_address,primary_phone_number,\
verified_email_addresses,unverified_email_addresses,password_digest,password_hasher
user_csv1,Ana,"Gómez, Dr.",ana_csv,ana@csv.example,,"ana@csv.example,ana2@csv.example",late@csv.example,900150983cd24fb0d6963f7d28e17f72,md5
user_csv2,,,,bare@csv.example,,bare@csv.example,,,
short,line
"""


def test_the_hosted_export_is_imported(server: ServerProcess, tmp_path: Path) -> None:
    """Its ids become external ids; addresses keep whether they are verified."""
    file = tmp_path / "export.csv"
    file.write_text(CSV, encoding="utf-8")
    done = users(server, "import", str(file))
    assert done.returncode == 1
    assert "2 created, 0 existed already, 1 refused." in done.stdout
    assert "line 4: another number of columns" in done.stderr
    ana = shown(server, "get", "ana_csv")
    assert (ana["external_id"], ana["last_name"]) == ("user_csv1", "Gómez, Dr.")
    states = [(e["email_address"], e["verification"]["status"]) for e in ana["email_addresses"]]
    assert states == [
        ("ana@csv.example", "verified"),
        ("ana2@csv.example", "verified"),
        ("late@csv.example", "unverified"),
    ]
    assert ana["password_enabled"] is True
    assert shown(server, "get", "user_csv2")["email_addresses"][0]["email_address"] == BARE


BARE = "bare@csv.example"


def test_an_import_killed_half_way_goes_on_without_doubles_or_loss(
    server: ServerProcess, tmp_path: Path
) -> None:
    """SIGKILL while it runs; started again, every user is there exactly once, with one event."""
    file = tmp_path / "many.jsonl"
    lines = ({"external_id": f"kill-{n}", "username": f"kill_{n}"} for n in range(3000))
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    command = [sys.executable, "-m", "consignease.cli.main", "users", "import", str(file)]
    process = subprocess.Popen([*command, "--data-dir", str(server.folder)], stderr=subprocess.PIPE)
    database = sqlite3.connect(server.folder / "consignease.db")
    sql = "SELECT count(*) FROM user WHERE external_id LIKE 'kill-%'"
    while not database.execute(sql).fetchone()[0] > 100:
        assert process.poll() is None, process.stderr
    process.kill()
    process.communicate()
    there = database.execute(sql).fetchone()[0]
    assert 100 < there < 3000
    done = users(server, "import", str(file), "--json")
    counts = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert counts["created"] + counts["exists"] == 3000
    assert counts["exists"] >= there
    events = (
        "SELECT count(*), count(DISTINCT m.subject) FROM message m JOIN object o ON o.no = m.subject"
        " JOIN user u ON u.id = o.id WHERE u.external_id LIKE 'kill-%' AND m.type = 'user.created'"
    )
    assert database.execute(sql).fetchone() == (3000,)
    assert database.execute(events).fetchone() == (3000, 3000)
    database.close()
