"""The webhook API as a stranger sees it: requests, answers, pages; nothing of ours but the URL."""

import base64
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.helpers.server import Answer, Client, RunningServer

T = TypeVar("T")

_numbers = itertools.count(1)
TYPE = "acceptance.event"


def unique(word: str) -> str:
    """A name that nothing else has."""
    return f"{word}-{next(_numbers)}"


def ago(**span: float) -> str:
    """A time in the past, in RFC 3339."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def ed25519() -> str:
    """A signing key as clients give it: seed and public key."""
    made = Ed25519PrivateKey.generate()
    raw = made.private_bytes_raw() + made.public_key().public_bytes_raw()
    return "whsk_" + base64.b64encode(raw).decode()


class Api:
    """One instance's webhook API, with a key or a portal token."""

    def __init__(self, server: RunningServer, instance: str = "development") -> None:
        self.server = server
        self.instance = instance
        self.client: Client = server.client(instance)

    def close(self) -> None:
        self.client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """Ask anything below /api/v1."""
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        return self.client.call(method, f"/api/v1{path}{asked}", body, headers)

    def ok(self, method: str, path: str, body: object = None, status: int = 0, **more: Any) -> Any:
        """Ask what must succeed; returns the body."""
        answer = self.ask(method, path, body, **more)
        expected = {status} if status else {200, 201, 202, 204}
        assert answer.status in expected, answer
        return answer.json if answer.body else None

    def code(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, str]:
        """Ask what must be refused with a code; returns status and code."""
        answer = self.ask(method, path, body, **more)
        assert set(answer.json) == {"code", "detail"}, answer
        assert isinstance(answer.json["detail"], str)
        return answer.status, answer.json["code"]

    def wrong(self, method: str, path: str, body: object = None, **more: Any) -> list[list[str]]:
        """Ask what must be refused as invalid; returns where each fault is."""
        answer = self.ask(method, path, body, **more)
        assert answer.status == 422, answer
        places: list[list[str]] = []
        for item in answer.json["detail"]:
            assert {"loc", "msg", "type"} <= set(item)
            assert all(isinstance(step, str) for step in item["loc"])
            assert item["loc"][0] in {"body", "query", "path"}
            places.append(item["loc"])
        assert places
        return places

    def app(self, **given: Any) -> str:
        """A new application; returns its path."""
        made = self.ok("POST", "/app", {"name": "App", **given}, 201)
        return f"/app/{made['id']}"

    def endpoint(self, app: str, url: str = "http://127.0.0.1:9/", **given: Any) -> str:
        """A new endpoint; returns its id."""
        made: str = self.ok("POST", f"{app}/endpoint", {"url": url, **given}, 201)["id"]
        return made

    def send(self, app: str, payload: object = None, **given: Any) -> str:
        """A new message; returns its id."""
        body = {"eventType": TYPE, "payload": payload or {"n": 1}, **given}
        made: str = self.ok("POST", f"{app}/msg", body, 202)["id"]
        return made

    def event_type(self, **given: Any) -> str:
        """A new event type; returns its name."""
        name = unique("acceptance.type")
        self.ok("POST", "/event-type", {"name": name, "description": "A type.", **given}, 201)
        return name

    def listed(self, path: str, **query: object) -> list[Any]:
        """The first page of a list."""
        answer = self.ask("GET", path, **query)
        assert answer.status == 200, answer
        data: list[Any] = answer.json["data"]
        return data

    def attempts(self, app: str, message: str, count: int) -> list[Any]:
        """A message's attempts once there are so many, newest first."""
        path = f"{app}/attempt/msg/{message}"
        return until(lambda: self.listed(path), lambda found: len(found) >= count)


def until(look: Callable[[], T], enough: Callable[[T], bool], seconds: float = 20) -> T:
    """Look again until it is enough; each look is a call over the network."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    while not enough(found := look()):
        assert datetime.now(UTC) < end, found
    return found


def check_pages(api: Api, path: str, ids: list[str], key: str = "id", **query: object) -> None:
    """Walk a list forward to its end and back to its start, in pages of every size.

    Args:
        api: Where.
        path: The list.
        ids: Everything that must be on it, in order.
        key: Which member names an item.
        query: What else to ask with.
    """

    def page(limit: int, iterator: str | None = None) -> Any:
        more = query | ({} if iterator is None else {"iterator": iterator})
        found = api.ok("GET", path, limit=limit, **more)
        assert {"data", "done", "iterator", "prevIterator"} <= set(found)
        found["ids"] = [one[key] for one in found["data"]]
        return found

    for limit in (1, 2, len(ids), len(ids) + 1):
        seen: list[str] = []
        iterator = None
        while True:
            found = page(limit, iterator)
            seen += found["ids"]
            assert found["done"] == (len(seen) == len(ids))
            iterator = found["iterator"]
            if found["done"]:
                break
            assert iterator == found["ids"][-1]
        assert seen == ids
        back: list[str] = found["ids"]
        while len(back) < len(ids):
            found = page(limit, found["prevIterator"])
            back = found["ids"] + back
            assert found["ids"], "a page back is empty"
        assert back == ids
    assert api.wrong("GET", path, limit=251) == [["query", "limit"]]
    assert api.wrong("GET", path, limit=0) == [["query", "limit"]]
    nothing = page(5, iterator=ids[-1])
    assert (nothing["ids"], nothing["done"], nothing["iterator"]) == ([], True, None)
