"""One and the same delivery, from the running server, before every official verifier."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import standardwebhooks
import svix.webhooks

from consignease.webhooks import WebhookVerificationError, verify_webhook
from tests.helpers.js import Script
from tests.helpers.receiver import Receiver, Recorded
from tests.helpers.server import RunningServer, add_endpoint

USER = {
    "email_address": ["zoë@example.com", "second@example.com"],
    "first_name": "Zoë \u2028 \x7f 🎉",
    "last_name": "</script>\"'\\",
    "public_metadata": {
        "10": 1,
        "2": {"b": 1e-6, "a": [0.1, 123456789012345, 5]},
        "é": None,
        "x": "",
    },
}


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorded, str]]:
    """A user.created as it left the sender, and the endpoint's signing secret."""
    with (
        RunningServer(tmp_path_factory.mktemp("server") / "data") as server,
        Receiver() as receiver,
    ):
        client = server.client()
        _, secret = add_endpoint(client, server.keys().application_id, receiver.url)
        made = client.call("POST", "/v1/users", {**USER, "email_address": ["zoe@example.com"]})
        assert made.status == 200, made
        yield receiver.wait_for(1)[0], secret
        client.close()


def test_our_own_verifier_and_the_python_libraries_accept_it(
    delivery: tuple[Recorded, str],
) -> None:
    """Ours, PyPI svix and PyPI standardwebhooks."""
    request, secret = delivery
    headers = {name.lower(): value for name, value in request.headers}
    event = verify_webhook(request.body, request.headers, secret=secret)
    assert event.type == "user.created"
    svix.webhooks.Webhook(secret).verify(request.body, headers)
    found = standardwebhooks.Webhook(secret).verify(request.body, headers)
    assert found["type"] == "user.created"


def test_the_python_libraries_and_ours_refuse_one_flipped_byte(
    delivery: tuple[Recorded, str],
) -> None:
    """The same delivery with one bit changed."""
    request, secret = delivery
    headers = {name.lower(): value for name, value in request.headers}
    body = bytearray(request.body)
    body[30] ^= 1
    with pytest.raises(WebhookVerificationError):
        verify_webhook(bytes(body), request.headers, secret=secret)
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        svix.webhooks.Webhook(secret).verify(bytes(body), headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(bytes(body), headers)


@pytest.mark.node
def test_the_javascript_libraries_and_adapters_accept_it(
    delivery: tuple[Recorded, str], tmp_path: Path
) -> None:
    """Npm @clerk/backend, svix, standardwebhooks; Express and Fastify, which re-serialise."""
    del tmp_path
    request, secret = delivery
    headers = {name.lower(): value for name, value in request.headers}
    for name in ("host", "content-length", "connection"):
        headers.pop(name, None)
    question = {
        "secret": secret,
        "headers": headers,
        "body": base64.b64encode(request.body).decode(),
    }
    flipped = bytearray(request.body)
    flipped[flipped.index(b"zoe@")] ^= 1
    bad = {**question, "body": base64.b64encode(bytes(flipped)).decode()}
    with Script("verify.mjs") as script:
        verdicts = script.ask(question)
        assert set(verdicts.values()) == {"ok user.created"}, verdicts
        assert len(verdicts) == 6
        refused = script.ask(bad)
        assert all(verdict.startswith("refused") for verdict in refused.values()), refused
