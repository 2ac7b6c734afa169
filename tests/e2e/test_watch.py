"""What people are told: silence, and endpoints that were disabled."""

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from consignease.edge.mail import Mailer, MailError
from tests.helpers import behaviours
from tests.helpers.dashboard import Admin
from tests.helpers.pace import new_app, send, until
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint


class MailServer:
    """A mail server that keeps what it takes (RFC 5321, no more of it than is needed)."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, Message]] = []
        mails = self.mails

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                to = ""
                while line := self.rfile.readline():
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        to = line.decode().partition("<")[2].partition(">")[0]
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        text = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            text += part
                        mails.append((to, email.message_from_bytes(text)))
                    if verb == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"250 ok\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as one:
        yield one


def listen(server: RunningServer, receiver: Receiver) -> None:
    client = server.client()
    body = {"url": receiver.url, "eventTypes": ["delivery.silent"]}
    assert client.call("POST", "/api/v1/operational-webhook/endpoint", body).status == 201
    client.close()


def state(server: RunningServer) -> tuple[int, str]:
    answer = httpx.get(f"{server.base_url}/health")
    return answer.status_code, answer.json()["silence"]


def test_silence_is_reported_once_and_ends_with_a_delivery(tmp_path: Path) -> None:
    """Event, log and health say so; a server without anything to deliver is not silent."""
    with (
        Receiver() as ops,
        Receiver() as receiver,
        RunningServer(
            tmp_path / "data", silence_alert=1.0, retry_schedule=[0.2] * 50, disable_after=0.0
        ) as server,
    ):
        listen(server, ops)
        client = server.client()
        app = new_app(client)
        endpoint, _ = add_endpoint(client, app, receiver.url)
        send(client, app, 1)
        receiver.wait_for(1)
        assert state(server) == (200, "ok")
        receiver.respond(500)
        send(client, app, 1)
        told = json.loads(ops.wait_for(1)[0].body)
        assert told["type"] == "delivery.silent"
        assert told["data"]["endpointIds"] == [endpoint["id"]]
        assert until(lambda: state(server)[1] != "ok")
        status, words = state(server)
        assert status == 200
        assert words.startswith("ok, but nothing delivered since 2")
        receiver.respond(200)
        until(lambda: state(server) == (200, "ok"))
        assert len(ops.requests) == 1
        receiver.respond(500)
        send(client, app, 1)
        ops.wait_for(2)
        client.close()


def test_one_delivery_somewhere_is_no_silence(tmp_path: Path) -> None:
    """As long as any endpoint of the instance gets something, a dead one beside it is its own matter."""
    with (
        Receiver() as bad,
        Receiver() as good,
        RunningServer(
            tmp_path / "data", silence_alert=1.0, retry_schedule=[0.2] * 50, disable_after=0.0
        ) as server,
    ):
        bad.respond(500)
        client = server.client()
        app = new_app(client)
        add_endpoint(client, app, bad.url)
        add_endpoint(client, app, good.url)
        for number in range(12):
            send(client, app, 1, number)
            good.wait_for(number + 1)
            bad.wait_for(2 * number)
            assert state(server) == (200, "ok")
        client.close()


def test_administrators_get_a_mail_when_an_endpoint_is_disabled(
    tmp_path: Path, mail: MailServer
) -> None:
    """Whoever may do something about it, once each; who has not accepted the invitation does not."""
    settings: dict[str, Any] = {
        "smtp_url": f"smtp://127.0.0.1:{mail.port}",
        "smtp_from": "hooks@example.com",
    }
    with RunningServer(tmp_path / "data", **settings) as server, Receiver() as receiver:
        owner = Admin(server).set_up()
        owner.invite("admin")
        owner.invite("viewer")
        receiver.behave(behaviours.answer(410))
        client = server.client()
        app = new_app(client)
        endpoint, _ = add_endpoint(client, app, receiver.url)
        send(client, app, 1)
        receiver.wait_for(1)
        path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
        until(lambda: client.call("GET", path).json["disabled"])
        server.run(server.server._lookout.once)
        server.run(server.server._lookout.once)
        assert sorted(to for to, _ in mail.mails) == ["ada@example.com", "admin@example.com"]
        text = mail.mails[0][1]
        assert receiver.url in str(text["subject"])
        words = text.get_payload(decode=True)
        assert isinstance(words, bytes)
        assert b"410 Gone" in words
        assert endpoint["id"].encode() in words
        client.close()


def test_a_password_is_never_sent_in_the_clear(mail: MailServer) -> None:
    """Without STARTTLS there is no mail, and the error says why."""
    mailer = Mailer(f"smtp://ada:secret@127.0.0.1:{mail.port}", "a@example.com")
    with pytest.raises(MailError, match="STARTTLS"):
        mailer.send(["b@example.com"], "x", "y")
    assert mail.mails == []
