"""Credentials of an endpoint: private authorities, client certificates, Basic authentication."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.helpers.certificates import Authority, server_context
from tests.helpers.pace import new_app, send, until
from tests.helpers.receiver import Receiver
from tests.helpers.server import Client, RunningServer, add_endpoint

OURS = Authority("Private authority")
OTHER = Authority("Another authority")
SITE = OURS.issue("receiver", "127.0.0.1")
ME = OURS.issue("me")
STRANGER = OTHER.issue("stranger")
LAST = """
SELECT a.status, a.phase, a.error FROM attempt a JOIN endpoint e ON e.no = a.endpoint
WHERE e.id = ? ORDER BY a.at DESC, a.n DESC LIMIT 1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with RunningServer(folder, retry_schedule=[]) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    one = server.client()
    yield one
    one.close()


@pytest.fixture
def app(client: Client) -> str:
    return new_app(client)


@pytest.fixture
def closed_door(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver that only speaks to clients whose certificate our authority signed."""
    context = server_context(tmp_path, SITE, clients=OURS.pem)
    # With TLS 1.3 a client learns after its request that its certificate was refused.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Receiver(tls=context) as receiver:
        yield receiver


def outcome(
    server: RunningServer, client: Client, app: str, url: str, **more: Any
) -> tuple[int, str | None, str]:
    """What a message comes to at an endpoint with these credentials."""
    endpoint, _ = add_endpoint(client, app, url, **more)
    send(client, app, 1)
    found = until(
        lambda: server.read(lambda tx: [tuple(row) for row in tx.all(LAST, (endpoint["id"],))])
    )
    client.call("DELETE", f"/api/v1/app/{app}/endpoint/{endpoint['id']}")
    return found[0]


def test_a_private_authority_is_trusted_where_it_is_named_and_nowhere_else(
    server: RunningServer, client: Client, app: str, tmp_path: Path
) -> None:
    """Also right after another endpoint's connection to the same address was kept open."""
    with Receiver(tls=server_context(tmp_path, SITE)) as receiver:
        url = receiver.url
        assert outcome(server, client, app, url)[:2] == (0, "tls")
        assert outcome(server, client, app, url, caCertificate=OURS.pem)[:2] == (200, None)
        assert outcome(server, client, app, url, caCertificate=OTHER.pem)[:2] == (0, "tls")
        assert outcome(server, client, app, url)[:2] == (0, "tls")
        assert len(receiver.requests) == 1


def test_a_client_certificate_opens_the_door_and_no_other_one_does(
    server: RunningServer, client: Client, app: str, closed_door: Receiver
) -> None:
    """A kept connection with one identity is never used by another endpoint."""
    url = closed_door.url
    mine = {
        "caCertificate": OURS.pem,
        "clientCertificate": ME.certificate,
        "clientKey": ME.key,
    }
    assert outcome(server, client, app, url, **mine)[:2] == (200, None)
    assert outcome(server, client, app, url, caCertificate=OURS.pem)[0] == 0
    stranger = {
        **mine,
        "clientCertificate": STRANGER.certificate,
        "clientKey": STRANGER.key,
    }
    assert outcome(server, client, app, url, **stranger)[0] == 0
    assert outcome(server, client, app, url, **mine)[:2] == (200, None)
    assert len(closed_door.requests) == 2


def test_certificates_of_one_endpoint_can_be_replaced_and_removed(
    server: RunningServer, client: Client, app: str, closed_door: Receiver
) -> None:
    """A change counts for the next try; parts that are not named stay."""
    endpoint, _ = add_endpoint(
        client,
        app,
        closed_door.url,
        caCertificate=OURS.pem,
        clientCertificate=STRANGER.certificate,
        clientKey=STRANGER.key,
    )
    path = f"/api/v1/app/{app}/endpoint/{endpoint['id']}"
    pair = {"clientCertificate": ME.certificate, "clientKey": ME.key}
    changed = client.call("PATCH", path, pair).json["credentials"]
    assert changed["clientCertificate"]["subject"] == "CN=me"
    assert changed["caCertificate"]["subject"] == "CN=Private authority"
    send(client, app, 1)
    closed_door.wait_for(1)
    nothing = {"clientCertificate": None, "clientKey": None, "caCertificate": None}
    assert client.call("PATCH", path, nothing).json["credentials"] is None


def test_user_info_of_a_url_becomes_basic_authentication_and_is_never_shown_again(
    server: RunningServer, client: Client, app: str
) -> None:
    """Not in the answer, not in lists, not in the database; the URL is kept without it."""
    with Receiver() as receiver:
        url = receiver.url.replace("http://", "http://ali%20ce:s3cr%3At@")
        endpoint, _ = add_endpoint(client, app, url)
        assert endpoint["url"] == receiver.url
        assert endpoint["credentials"] == {"basicAuth": {"username": "ali ce"}}
        send(client, app, 1)
        sent = receiver.wait_for(1)[0].header("authorization") or ""
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"ali ce:s3cr:t"
        path = f"/api/v1/app/{app}/endpoint"
        for answer in (
            client.call("GET", path),
            client.call("GET", f"{path}/{endpoint['id']}"),
            client.call("GET", f"{path}/{endpoint['id']}/headers"),
            client.call("PATCH", f"{path}/{endpoint['id']}", {"description": "x"}),
        ):
            assert b"s3cr" not in answer.body
        row = server.read(
            lambda tx: dict(tx.one("SELECT * FROM endpoint WHERE id = ?", (endpoint["id"],)))
        )
        assert "s3cr" not in repr(row)
        other = {"basicAuth": {"username": "bob", "password": "pw"}}
        client.call("PATCH", f"{path}/{endpoint['id']}", other)
        send(client, app, 1)
        sent = receiver.wait_for(2)[1].header("authorization") or ""
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"bob:pw"


def test_an_authorization_header_of_ones_own_wins(
    server: RunningServer, client: Client, app: str
) -> None:
    """Basic authentication is added only where none is set."""
    with Receiver() as receiver:
        basic = {"username": "a", "password": "b"}
        headers = {"AUTHORIZATION": "Bearer mine"}
        add_endpoint(client, app, receiver.url, basicAuth=basic, headers=headers)
        send(client, app, 1)
        found = [
            value
            for name, value in receiver.wait_for(1)[0].headers
            if name.lower() == "authorization"
        ]
        assert found == ["Bearer mine"]


def _encrypted() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"x")).decode()


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"caCertificate": "nonsense"}, "caCertificate", "no certificate"),
        ({"caCertificate": ME.key}, "caCertificate", "no certificate"),
        ({"clientCertificate": ME.certificate}, "clientKey", "no private key"),
        ({"clientKey": ME.key}, "clientCertificate", "no certificate"),
        (
            {"clientCertificate": ME.certificate, "clientKey": STRANGER.key},
            "clientKey",
            "does not belong",
        ),
        (
            {"clientCertificate": ME.certificate, "clientKey": _encrypted()},
            "clientKey",
            "passphrase",
        ),
        ({"caCertificate": "x" * 70_000}, "caCertificate", "at most"),
        ({"basicAuth": {"username": "a:b", "password": "c"}}, "basicAuth", "colon"),
        ({"basicAuth": {"username": "a", "password": "c\n"}}, "basicAuth", "control"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_saved(
    client: Client, app: str, body: dict[str, Any], param: str, words: str
) -> None:
    """With the member at fault, and nothing is added."""
    path = f"/api/v1/app/{app}/endpoint"
    refused = client.call("POST", path, {"url": "https://127.0.0.1:9/", **body})
    assert refused.status == 422
    assert refused.json["detail"][0]["loc"] == ["body", param]
    assert words in refused.json["detail"][0]["msg"]
    assert client.call("GET", path).json["data"] == []
