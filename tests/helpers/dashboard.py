"""A signed-in client of the Dashboard without a browser: forms, cookies, and the session's token."""

import http.client
import re
from urllib.parse import urlencode, urlsplit

from tests.helpers.server import Answer, RunningServer

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


class Admin:
    """One browser's worth of state: a cookie, and the token of its pages."""

    def __init__(self, server: RunningServer, origin: str = "", address: str = "") -> None:
        """Make one that calls the server by an origin, from an address that a proxy tells."""
        self.server = server
        self.origin = origin or server.base_url
        self.address = address
        self.cookies: dict[str, str] = {}
        self.token = ""

    def call(
        self,
        method: str,
        path: str,
        form: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request as a browser would; redirects are not followed."""
        netloc = urlsplit(self.server.base_url).netloc
        connection = http.client.HTTPConnection(netloc, timeout=30)
        sent = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        sent |= {"Host": urlsplit(self.origin).netloc, "X-Forwarded-For": self.address}
        body = None
        if method == "POST":
            body = urlencode(form or {}, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            sent["Origin"] = self.origin
            sent["Sec-Fetch-Site"] = "same-origin"
        sent.update(headers or {})
        connection.request(method, path, body, {k: v for k, v in sent.items() if v})
        response = connection.getresponse()
        raw = response.read()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        found = {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        return Answer(response.status, found, raw)

    def get(self, path: str) -> str:
        """Return the text of a page, and remember its token."""
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body[-2000:])
        text = answer.body.decode()
        found = re.search(r'<meta name="csrf" content="([0-9a-f]*)"', text)
        self.token = found[1] if found and found[1] else self.token
        return text

    def post(self, path: str, form: dict[str, object] | None = None, **headers: str) -> Answer:
        """Submit a form of this session."""
        return self.call("POST", path, {"csrf": self.token, **(form or {})}, headers)

    def set_up(self) -> "Admin":
        """Make the first account by the one-time link."""
        token = self.server.server.setup_token
        answer = self.call(
            "POST",
            "/dashboard/setup",
            {"token": token, "name": "Ada Lovelace", "email": EMAIL, "password": PASSWORD},
        )
        assert answer.status == 303, answer
        self.get("/dashboard/account")
        return self

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **more: str) -> Answer:
        """Sign in."""
        form = {"email": email, "password": password, **more}
        answer = self.call("POST", "/dashboard/sign-in", form)
        if answer.status == 303:
            self.get("/dashboard/account")
        return answer

    def invite(self, role: str, email: str = "") -> "Admin":
        """Invite somebody with a role, and return them signed in."""
        email = email or f"{role}@example.com"
        form = {"name": role, "email": email, "role": role}
        shown = self.post("/dashboard/team", form).body.decode()
        link = re.search(r"/dashboard/invitation\?token=([\w-]+)", shown)
        assert link, shown
        other = Admin(self.server)
        accepted = {"token": link[1], "password": PASSWORD}
        assert other.call("POST", "/dashboard/invitation", accepted).status == 303
        other.get("/dashboard/account")
        return other
