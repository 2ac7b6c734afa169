"""Changing users over HTTP as fast as it goes, remembering what was acknowledged."""

import random
import threading
import time
from http.client import HTTPException
from typing import NamedTuple

from tests.helpers.server import Client


class Change(NamedTuple):
    """One change that the server acknowledged: `name` is its first_name, None for a deletion."""

    user: str
    name: str | None


class Load:
    """Threads that create, update and delete users until the server is gone or they are stopped."""

    def __init__(self, threads: int = 8, seed: int = 0, first: int = 0) -> None:
        self.acknowledged: list[Change] = []
        self.failures: list[str] = []
        self.seconds = 0.0
        self._threads = threads
        self._seed = seed
        self._count = first
        self._running: list[threading.Thread] = []
        self._stop = threading.Event()
        self._began = 0.0

    def start(self, base_url: str, secret_key: str) -> None:
        """Begin."""
        self._stop.clear()
        self._began = time.monotonic()
        self._running = []
        for number in range(self._threads):
            self._count += 1
            dice = random.Random(f"{self._seed}-{self._count}")
            args = (Client(base_url, secret_key), dice, f"t{self._count}-{number}")
            self._running.append(threading.Thread(target=self._work, args=args, daemon=True))
        for thread in self._running:
            thread.start()

    def stop(self) -> None:
        """End, and wait until every thread has."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Wait until every thread has ended, which they do when the server is gone."""
        for thread in self._running:
            thread.join(60)
            assert not thread.is_alive()
        self.seconds += time.monotonic() - self._began

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more changes are acknowledged."""
        wanted, deadline = len(self.acknowledged) + count, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, self.failures[-1:]
            time.sleep(0.02)

    def _work(self, client: Client, dice: random.Random, name: str) -> None:
        mine: list[str] = []
        number = 0
        while not self._stop.is_set():
            number += 1
            mark = f"{name}-{number}"
            try:
                if not mine or (len(mine) < 6 and dice.random() < 0.3):
                    body = {"email_address": [f"{mark}@example.com"], "first_name": mark}
                    answer = client.call("POST", "/v1/users", body)
                    change = Change(answer.json["id"], mark) if answer.status == 200 else None
                    if change:
                        mine.append(change.user)
                elif dice.random() < 0.08:
                    user = mine.pop(dice.randrange(len(mine)))
                    answer = client.call("DELETE", f"/v1/users/{user}")
                    change = Change(user, None)
                else:
                    user = dice.choice(mine)
                    answer = client.call("PATCH", f"/v1/users/{user}", {"first_name": mark})
                    change = Change(user, mark)
            except (OSError, HTTPException):
                break
            if answer.status == 200 and change is not None:
                self.acknowledged.append(change)
            else:
                self.failures.append(f"{answer.status} {answer.body[:200]!r}")
                self._stop.wait(0.02)  # who is refused comes again, but not at once
        client.close()
