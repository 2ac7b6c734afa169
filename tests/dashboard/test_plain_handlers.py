"""The handlers that customers copy verify what is sent to them, and refuse what is not."""

import shutil
import subprocess
import types
from pathlib import Path

import pytest

from consignease.dashboard.handlers import PLAIN_HANDLERS
from tests.helpers.portal import Customer
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import RunningServer


def received(tmp_path: Path) -> tuple[Recorded, str]:
    """A request as a customer's endpoint got it, and the endpoint's secret."""
    with Receiver() as app, RunningServer(tmp_path / "data") as server:
        customer = Customer(server, url=app.url)
        customer.send("user.created", total=12)
        return app.wait_for(1)[0], customer.secret


def test_the_python_handler_takes_what_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 for the request as it came, 400 for a changed body."""
    got, secret = received(tmp_path)
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    module = types.ModuleType("handler")
    exec(compile(PLAIN_HANDLERS["python"][2], "handler", "exec"), module.__dict__)
    client = module.app.test_client()
    headers = dict(got.headers)
    assert client.post("/webhooks", data=got.body, headers=headers).status_code == 200
    assert client.post("/webhooks", data=got.body + b" ", headers=headers).status_code == 400


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js on this machine")
def test_the_node_handler_is_a_program(tmp_path: Path) -> None:
    """It parses as the module that it is."""
    file = tmp_path / "server.mjs"
    file.write_text(PLAIN_HANDLERS["node"][2], encoding="utf-8")
    done = subprocess.run(
        ["node", "--check", str(file)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
