"""`consignease verify`: a saved request checked from the terminal."""

import base64
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consignease.cli.main import cli
from consignease.wire.explain import WRONG_VARIABLES
from tests.helpers.deliveries import BODY, MSG_ID, OTHER_SECRET, SECRET, delivery

VARIABLE = "CLERK_WEBHOOK_SIGNING_SECRET"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with no secret around."""
    monkeypatch.chdir(tmp_path)
    for name in (VARIABLE, *WRONG_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def fresh(body: bytes = BODY, age: int = 0, secret: str = SECRET) -> dict[str, str]:
    """Make the headers of a delivery sent `age` seconds ago."""
    return delivery(body, at=int(time.time()) - age, secret=secret)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run `consignease verify`."""
    return CliRunner().invoke(cli, ["verify", *arguments], input=stdin)


def saved(headers: dict[str, str], body: bytes = BODY, newline: str = "\r\n") -> str:
    """Save a request as HTTP text and give the file's name."""
    lines = ["POST /api/webhooks HTTP/1.1", "Host: localhost:3000"]
    lines += [f"{name.title()}: {value}" for name, value in headers.items()]
    head = newline.join([*lines, f"Content-Length: {len(body)}", "", ""])
    Path("saved.http").write_bytes(head.encode() + body + b"\n")
    return "saved.http"


def test_body_and_headers() -> None:
    """A body file and header options; the answer names id, type, time and size."""
    Path("body.json").write_bytes(BODY)
    headers = [part for name, value in fresh().items() for part in ("--header", f"{name}: {value}")]
    done = run("--secret", SECRET, "--body", "body.json", *headers)
    assert done.exit_code == 0, done.output
    for expected in ("Valid", MSG_ID, "user.deleted", f"{len(BODY)} bytes", "s ago"):
        assert expected in done.output
    piped = run("--secret", SECRET, "--body", "-", *headers, stdin=BODY)
    assert piped.exit_code == 0


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_http_text(newline: str) -> None:
    """A raw request, whose body ends where Content-Length says."""
    assert run("--secret", SECRET, "--request", saved(fresh(), newline=newline)).exit_code == 0


DOCUMENTS = {
    "text": lambda: {"headers": fresh(), "body": BODY.decode()},
    "pairs": lambda: {"headers": list(fresh().items()), "body": BODY.decode()},
    "base64": lambda: {"headers": fresh(), "body_b64": base64.b64encode(BODY).decode()},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_json_document(document: object) -> None:
    """Headers as an object or pairs; the body as text or base64."""
    assert callable(document)
    Path("saved.json").write_text(json.dumps(document()), "utf-8")
    assert run("--secret", SECRET, "--request", "saved.json").exit_code == 0


def test_json_document_with_a_parsed_body() -> None:
    """A body that was saved parsed is explained, not excused."""
    document = f'{{"headers": {json.dumps(fresh())}, "body": {json.dumps(json.loads(BODY))}}}'
    Path("saved.json").write_text(document, "utf-8")
    done = run("--secret", SECRET, "--request", "saved.json")
    assert done.exit_code == 1
    assert "body_reserialised" in done.output


def test_secret_from_environment_and_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment comes first, then .env in this folder; --secret before both."""
    name = saved(fresh())
    Path(".env").write_text(f'# keys\nexport A=1\n{VARIABLE}="{SECRET}" # mine\n', "utf-8")
    assert run("--request", name).exit_code == 0
    monkeypatch.setenv(VARIABLE, OTHER_SECRET)
    assert run("--request", name).exit_code == 1
    assert run("--request", name, "--secret", SECRET, "--secret", OTHER_SECRET).exit_code == 0


def test_no_secret_is_a_wrong_call() -> None:
    """Without a secret it exits 2 and points at one under another name."""
    Path(".env").write_text(f"WEBHOOK_SECRET={SECRET}\n", "utf-8")
    done = run("--request", saved(fresh()))
    assert done.exit_code == 2
    assert "WEBHOOK_SECRET is set; rename it" in done.output
    assert SECRET not in done.output


def test_failure_is_explained() -> None:
    """Exit 1, the reason's code, what is wrong and what to do; never the secret."""
    done = run("--secret", OTHER_SECRET, "--request", saved(fresh()))
    assert done.exit_code == 1
    assert "Invalid (no_matching_signature)" in done.output
    assert "What to do: " in done.output
    assert OTHER_SECRET not in done.output


def test_an_old_request_is_valid_with_a_note() -> None:
    """A saved request grows old: that alone fails with --strict only."""
    name = saved(fresh(age=4000))
    done = run("--secret", SECRET, "--request", name)
    assert done.exit_code == 0
    assert "Note: The timestamp is 400" in done.output
    strict = run("--secret", SECRET, "--request", name, "--strict")
    assert strict.exit_code == 1
    assert "timestamp_too_old" in strict.output
    assert (
        run("--secret", SECRET, "--request", name, "--strict", "--tolerance", "5000").exit_code == 0
    )
    assert run("--secret", OTHER_SECRET, "--request", name).exit_code == 1
    assert run("--secret", SECRET, "--request", saved(fresh(age=-4000))).exit_code == 1


def test_json_answers() -> None:
    """One line of JSON with the facts, or with reason, remedy and measure."""
    good = json.loads(run("--secret", SECRET, "--request", saved(fresh(age=9)), "--json").output)
    assert (good["valid"], good["id"], good["type"]) == (True, MSG_ID, "user.deleted")
    assert 9 <= good["age"] < 60
    assert good["note"] is None
    name = saved(fresh(age=400))
    old = json.loads(run("--secret", SECRET, "--request", name, "--json", "--strict").output)
    assert (old["valid"], old["reason"]) == (False, "timestamp_too_old")
    assert 400 <= old["skew"] < 460
    bare = json.loads(run("--secret", SECRET, "--request", saved({}), "--json").output)
    assert bare["missing"] == ["svix-id", "svix-timestamp", "svix-signature"]


def test_unknown_types_are_named() -> None:
    """An event that is not in the catalogue shows the sender's own name."""
    body = BODY.replace(b"user.deleted", b"invoice.paid")
    done = run("--secret", SECRET, "--request", saved(fresh(body), body))
    assert "invoice.paid" in done.output


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"headers": 1}', b'{"headers": {}, "body_b64": "%"}', b"no headers"]
)
def test_unreadable_requests_are_wrong_calls(content: bytes) -> None:
    """Exit 2 for a file that holds no request."""
    Path("saved").write_bytes(content)
    assert run("--secret", SECRET, "--request", "saved").exit_code == 2


def test_wrong_calls() -> None:
    """Exit 2 for options that do not go together."""
    Path("body").write_bytes(BODY)
    for options in (
        [],
        ["--body", "body", "--request", "body"],
        ["--request", "absent"],
        ["--body", "body", "--header", "no colon"],
    ):
        assert run("--secret", SECRET, *options).exit_code == 2
