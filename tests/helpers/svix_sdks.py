"""The official svix packages: installing the old Python one, asking each, listing what they call.

``python -m tests.helpers.svix_sdks install`` puts PyPI svix 1.x into a folder of its own: two
versions of one package cannot live in one environment. ``python -m tests.helpers.svix_sdks freeze``
rewrites the fixture that lists every operation.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from consignease.api.svix import svix_ops
from consignease.api.svix_absent import route
from consignease.edge.vault import Vault
from tests.helpers.node import WIRE_COMPAT, node_command

CLIENTS = ("py2", "py1", "npm2", "npm1")
"""PyPI svix 2.x and 1.x, npm svix 2.x and 1.x."""
FIXTURE = Path(__file__).parents[1] / "fixtures" / "svix-operations.json"
_OLD = Path(sys.prefix) / "svix1"
_LOCK = WIRE_COMPAT / "svix1.txt"
_PACKAGES = {"npm1": "svix", "npm2": "svix2"}


class Sdk:
    """One package in a process of its own, to be asked a line of JSON at a time."""

    def __init__(
        self, client: str, base_url: str = "http://127.0.0.1:9", token: str = "sk"
    ) -> None:
        env = dict(os.environ)
        if client in _PACKAGES:
            script = WIRE_COMPAT / "svix_client.mjs"
            command = node_command(script, base_url, token, _PACKAGES[client])
        else:
            command = [sys.executable, str(WIRE_COMPAT / "svix_client.py"), base_url, token]
            if client == "py1":
                assert (_OLD / "svix").is_dir(), "PyPI svix 1.x is not installed: run make setup"
                env["PYTHONPATH"] = str(_OLD)
        self._process = subprocess.Popen(
            command,
            cwd=WIRE_COMPAT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: object) -> Any:
        """Send one line and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client ended"
        return json.loads(line)

    def call(self, name: str, values: dict[str, str], body: object) -> dict[str, Any]:
        """Execute an operation; ``ok``, ``error`` (status, code, detail), or ``broken``."""
        return self.ask({"call": name, "values": values, "body": body})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@functools.cache
def listed(client: str) -> list[dict[str, Any]]:
    """Every operation of a package, as it goes over the wire."""
    models = _models(client.replace("npm", "py"))
    with Sdk(client) as sdk:
        found: list[dict[str, Any]] = sdk.ask({"list": models})
    for one in found:
        one["smallest"] = models.get(one.pop("body"))
    return found


@functools.cache
def _models(client: str) -> dict[str, Any]:
    with Sdk(client) as sdk:
        models: dict[str, Any] = sdk.ask({"models": True})
    return models


def operations() -> list[dict[str, Any]]:
    """Every operation of every package: method, path, and the calls that lead to it."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for client in CLIENTS:
        for call in listed(client):
            place = table.setdefault(
                (call["path"], call["method"]),
                {"method": call["method"], "path": call["path"], "calls": {}},
            )
            place["calls"].setdefault(client, []).append(call["name"])
    return [table[place] for place in sorted(table)]


def frozen() -> list[dict[str, Any]]:
    """The operations as the fixture lists them."""
    found: list[dict[str, Any]] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return found


def offered() -> frozenset[str]:
    """The routes that the server answers, of those that it could."""
    ops = svix_ops(Vault({1: bytes(32)}), {})
    return frozenset({route(op.method, op.path) for op in ops} | {"GET /api/v1/health"})


def freeze() -> None:
    """Write the fixture."""
    lines = ",\n".join(json.dumps(one) for one in operations())
    FIXTURE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def install() -> int:
    """Install PyPI svix 1.x beside the environment; what it needs is in there already."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    where = ["--no-deps", "--require-hashes", "--upgrade", "--target", str(_OLD)]
    return subprocess.run([*pip, *where, "--requirement", str(_LOCK)], check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:] == ["install"]:
        sys.exit(install())
    if sys.argv[1:] != ["freeze"]:
        sys.exit("usage: python -m tests.helpers.svix_sdks install|freeze")
    freeze()
