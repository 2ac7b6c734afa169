"""Applications of customers, and who holds a portal token for one, without a browser."""

import http.client
import itertools
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.helpers.server import Answer, RunningServer, add_endpoint

API = "/api/v1"
READ_ONLY = ("ViewBase",)
_TURN = itertools.count()


class Holder:
    """Sends what the portal's script sends: forms and pages, with a token in a header."""

    def __init__(self, base_url: str, app: str, token: str) -> None:
        self.base_url = base_url
        self.app = app
        self.token = token

    def call(self, method: str, path: str, form: object = None, **headers: str) -> Answer:
        """Ask for a path below the application's portal."""
        sent = {"Authorization": f"Bearer {self.token}", "HX-Request": "true", **headers}
        body = None
        if method == "POST":
            body = urlencode(form or {}, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        connection.request(
            method, f"/portal/{self.app}{path}", body, {k: v for k, v in sent.items() if v}
        )
        response = connection.getresponse()
        raw = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        return Answer(response.status, found, raw)

    def get(self, path: str = "") -> str:
        """Return the text of a page."""
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body.decode()

    def post(self, path: str, **form: object) -> Answer:
        """Submit a form."""
        return self.call("POST", path, form)


class Customer:
    """An application with an endpoint, and portal tokens for it."""

    def __init__(
        self, server: RunningServer, instance: str = "development", url: str = "http://127.0.0.1:9/"
    ) -> None:
        self.server = server
        self._instance = instance
        uid = f"customer-{next(_TURN)}"
        self.app = _made(self.call("POST", f"{API}/app", {"name": uid, "uid": uid}))["id"]
        if instance == "production":
            url = "https://203.0.114.7/"
        client = server.client(instance)
        endpoint, self.secret = add_endpoint(client, self.app, url, description=f"Of {uid}")
        client.close()
        self.endpoint: str = endpoint["id"]

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Call the API with the instance's secret key."""
        client = self.server.client(self._instance)
        answer = client.call(method, path, body)
        client.close()
        return answer

    def link(self, *capabilities: str) -> dict[str, Any]:
        """Ask for a portal link; without capabilities it may do everything."""
        body = {"capabilities": list(capabilities)} if capabilities else {}
        path = f"{API}/auth/app-portal-access/{self.app}"
        return _made(self.call("POST", path, body))

    def holder(self, *capabilities: str) -> Holder:
        """Return who holds such a link."""
        return Holder(self.server.base_url, self.app, self.link(*capabilities)["token"])

    def send(self, event: str = "user.created", **payload: object) -> str:
        """Send a message to the application; returns its id."""
        body = {"eventType": event, "payload": payload or {"a": 1}}
        return _made(self.call("POST", f"{API}/app/{self.app}/msg", body))["id"]


def _made(answer: Answer) -> Any:
    assert answer.status in {200, 201, 202}, answer
    return answer.json
