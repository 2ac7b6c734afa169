"""The main job, live: a user changes, your handler gets one verified event.

Starts a server and the handler of handler.py, adds an endpoint, then creates, updates and deletes
a user through the official Python SDK and shows each event as the handler verifies it. Stays up for
more; with --once it exits, with status 0 if every event came.
"""

import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clerk_backend_api import Clerk

HERE = Path(__file__).resolve().parent
SECONDS = 10.0
CONSIGNEASE = [sys.executable, "-m", "consignease.cli.main"]
UVICORN = [sys.executable, "-m", "uvicorn", "handler:app", "--app-dir", str(HERE)]
RECEIVED = re.compile(r"Received webhook with ID (?P<id>\S+) and event type of (?P<type>\S+)")
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class DemoError(Exception):
    """Something did not come as it should have; says what."""


class Child:
    """A program whose lines are noted with the moment they came."""

    def __init__(self, command: list[str], **variables: str) -> None:
        # A session of its own: Ctrl-C reaches the demo alone, which then ends things in order.
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
            start_new_session=True,
        )
        self.lines: queue.SimpleQueue[tuple[float, str | None]] = queue.SimpleQueue()
        self.said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put((time.perf_counter(), line.rstrip()))
        self.lines.put((time.perf_counter(), None))

    def wait_for(self, pattern: re.Pattern[str], what: str) -> tuple[float, re.Match[str]]:
        """Wait for a line; returns when it came, and the match."""
        deadline = time.perf_counter() + SECONDS
        while True:
            try:
                at, line = self.lines.get(timeout=max(0.0, deadline - time.perf_counter()))
            except queue.Empty:
                raise self._failure(f"{what} did not come in {SECONDS:.0f} s") from None
            if line is None:
                raise self._failure(f"{what} did not come: the program ended")
            self.said.append(line)
            if found := pattern.search(line):
                return at, found

    def _failure(self, reason: str) -> DemoError:
        return DemoError(
            "\n  ".join([f"{reason}. Its last words:", *(self.said[-12:] or ["(none)"])])
        )

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Api:
    """The server's webhook API, with an instance's secret key."""

    def __init__(self, base_url: str, instance: dict[str, str]) -> None:
        self.netloc = urlsplit(base_url).netloc
        self.endpoints = f"/api/v1/app/{instance['application_id']}/endpoint"
        self.headers = {
            "Authorization": f"Bearer {instance['secret_key']}",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection(self.netloc, timeout=SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, self.headers)
            response = connection.getresponse()
            answer = response.read()
        except OSError as error:
            raise DemoError(f"{method} {path} got no answer: {error}") from None
        finally:
            connection.close()
        if response.status >= 300:
            raise DemoError(f"{method} {path} was refused with {response.status}: {answer!r}")
        return json.loads(answer)


def paint(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOURS else text


def say(line: str = "") -> None:
    print(line, flush=True)


def start_server(stack: ExitStack) -> dict[str, Any]:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="consignease-demo-"))
    began = time.perf_counter()
    command = [*CONSIGNEASE, "dev", "--json", "--port", "0", "--data-dir", folder]
    server = Child(command)
    stack.callback(server.stop)
    at, found = server.wait_for(re.compile(r"^\{.*\}$"), "The server's ready line")
    ready: dict[str, Any] = json.loads(found[0])
    say(f"  server    {ready['base_url']}, ready in {at - began:.2f} s")
    return ready


def start_handler(stack: ExitStack, api: Api) -> Child:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/webhooks"
    endpoint = api.call("POST", api.endpoints, {"url": url})
    secret = api.call("GET", f"{api.endpoints}/{endpoint['id']}/secret")["key"]
    handler = Child([*UVICORN, "--port", str(port)], CLERK_WEBHOOK_SIGNING_SECRET=secret)
    stack.callback(handler.stop)
    handler.wait_for(re.compile("Uvicorn running on"), "The handler's start")
    say(f"  endpoint  {endpoint['id']}")
    say(f"  handler   {url}, {HERE.name}/handler.py under uvicorn")
    return handler


def change(handler: Child, call: str, expected: str, do: Callable[[], Any]) -> Any:
    """Make one call, wait for its event, show both."""
    began = time.perf_counter()
    result = do()
    at, found = handler.wait_for(RECEIVED, f"{expected} after {call}")
    if found["type"] != expected or result.id != found["id"]:
        raise DemoError(f"after {call}, {found[0]!r} came instead of {expected} of {result.id}")
    latency = paint("1", f"{(at - began) * 1000:6.1f} ms")
    say(f"  {call:<18} {paint('32', '✓')} {expected:<14} {found['id']}  {latency}")
    return result


def show(stack: ExitStack, *, once: bool) -> None:
    say(paint("1", "Consignease: a user changes, your handler gets one verified event."))
    say()
    ready = start_server(stack)
    instance = next(one for one in ready["instances"] if one["name"] == "development")
    handler = start_handler(stack, Api(ready["base_url"], instance))
    url = ready["base_url"] + "/v1"
    clerk = stack.enter_context(Clerk(bearer_auth=instance["secret_key"], server_url=url))
    count = clerk.users.count(request={})
    say(f"  users     {count.total_count if count else '?'} in the directory")
    say()
    say("The official Python SDK makes a call; the handler verifies the event. Time between them:")
    say()
    email = ["ada@example.com"]
    user = change(
        handler,
        "users.create",
        "user.created",
        lambda: clerk.users.create(email_address=email, first_name="Ada"),
    )
    for call, expected, do in (
        (
            "users.update",
            "user.updated",
            lambda: clerk.users.update(user_id=user.id, last_name="L"),
        ),
        ("users.delete", "user.deleted", lambda: clerk.users.delete(user_id=user.id)),
    ):
        change(handler, call, expected, do)
    say()
    if not once:
        stay(handler, ready, instance)


def stay(handler: Child, ready: dict[str, Any], instance: dict[str, str]) -> None:
    program = Path(sys.executable).with_name("consignease")
    program = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    say("All of it is still up. In another terminal, in this folder:")
    say()
    say(f"  export CONSIGNEASE_DATA_DIR={ready['data_dir']}")
    say(f"  {program} endpoints list")
    say(f"  {program} env")
    say(f"  curl {ready['base_url']}/v1/users -H 'Content-Type: application/json' \\")
    say(f"    -H 'Authorization: Bearer {instance['secret_key']}' \\")
    say("""    -d '{"email_address": ["grace@example.com"]}'""")
    say()
    say("Events show here as the handler verifies them. Ctrl-C stops everything.")
    say()
    while (line := handler.lines.get()[1]) is not None:
        say(f"  {paint('32', '✓') if RECEIVED.search(line) else ' '} {line}")
    raise DemoError("the handler ended")


def main() -> int:
    # What runs on this machine is not reached through a proxy.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with ExitStack() as stack:
            show(stack, once="--once" in sys.argv[1:])
    except DemoError as error:
        print(f"\n{paint('31', 'The demo failed:')} {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
