"""Ten thousand odd users: what is delivered survives JavaScript's parse and stringify."""

import base64
import json
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.node import WIRE_COMPAT, node_command
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.node

USERS = 10_000
THREADS = 4
WORDS = [
    "Zoë", "Ñandú", "李小龍", "🎉👩‍👩‍👧", "\u202e txet", "a\u0301", "O'Neil", '"quoted"', "back\\slash",
    "<script>", "&amp;", "tab\there", "line\nbreak", "\u2028\u2029", "\x7f", "\x01\x1f", "ﷺ", "𝕏", "0", "-0",
]  # fmt: skip
KEYS = [
    "a",
    "b",
    "10",
    "2",
    "02",
    "4294967294",
    "4294967295",
    "-1",
    "1.5",
    "é",
    "",
    "length",
    "x y",
]


def value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(9 if depth else 6)
    if kind == 0:
        return dice.choice(WORDS)
    if kind == 1:
        return dice.randrange(-(2**53) + 1, 2**53)
    if kind == 2:
        return dice.choice([None, True, False])
    if kind == 3:
        return dice.choice([0.1, 1.0, -0.0, 1e-7, 4.8e-6, 5e-324, 123456.789, 1e15, 2.0**40])
    if kind == 4:
        return dice.uniform(-1e6, 1e6)
    if kind == 5:
        return dice.uniform(-1, 1) * 10 ** dice.randrange(-20, 15)
    if kind == 6:
        return [value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return metadata(dice, depth - 1)


def metadata(dice: random.Random, depth: int = 3) -> dict[str, Any]:
    names = dice.sample(KEYS, dice.randrange(6))
    return {name: value(dice, depth) for name in names}


def user(dice: random.Random, number: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "email_address": [f"u{number}@example.com"],
        "first_name": "".join(dice.choices(WORDS, k=dice.randrange(4))),
        "last_name": dice.choice(WORDS),
        "public_metadata": metadata(dice),
        "private_metadata": metadata(dice),
        "unsafe_metadata": metadata(dice),
    }
    if dice.random() < 0.02:
        body["public_metadata"] = {dice.choice(["__proto__", "ok"]): {"__proto__": 1}}
    return body


def test_ten_thousand_odd_users_arrive_byte_stable(tmp_path: Path) -> None:
    """Every body as delivered is what JSON.stringify(JSON.parse(body)) gives in Node."""
    created: list[int] = []
    refused: list[dict[str, Any]] = []

    def create(server: RunningServer, first: int) -> None:
        dice = random.Random(first)
        client = server.client()
        for number in range(first, USERS, THREADS):
            answer = client.call("POST", "/v1/users", user(dice, number))
            if answer.status == 200:
                created.append(number)
            else:
                refused.append(answer.json)
        client.close()

    with Receiver() as receiver, RunningServer(tmp_path / "data") as server:
        client = server.client()
        add_endpoint(client, server.keys().application_id, receiver.url)
        client.close()
        threads = [threading.Thread(target=create, args=(server, n)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        requests = receiver.wait_for(len(created), 60)
    assert len(created) + len(refused) == USERS
    assert 100 < len(refused) < 400
    assert {one["errors"][0]["meta"]["param_name"] for one in refused} == {"public_metadata"}
    bodies = {request.header("svix-id"): request.body for request in requests}
    assert len(bodies) == len(created)
    lines = b"\n".join(base64.b64encode(body) for body in bodies.values())
    done = subprocess.run(
        node_command("stringify.mjs"), cwd=WIRE_COMPAT, input=lines, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    print(f"{found['count']} bodies, {len(refused)} refused, {len(found['changed'])} changed")
    assert found == {"count": len(created), "changed": []}
