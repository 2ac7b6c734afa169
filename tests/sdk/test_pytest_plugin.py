"""The pytest plugin's fixtures, used as an application would."""

import http.client
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consignease.sdk.pytest_plugin import SignedEventFactory
from consignease.sdk.receiver import WebhookReceiver
from consignease.sdk.samples import SignedEvent
from consignease.webhooks import EVENT_TYPES, WebhookEventType, verify_webhook


def post(receiver: WebhookReceiver, event: SignedEvent, body: bytes | None = None) -> int:
    """Deliver an event and give the status answered."""
    url = urlsplit(receiver.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    try:
        connection.request("POST", url.path, event.body if body is None else body, event.headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_of_every_type_verifies(
    name: WebhookEventType, signed_event: SignedEventFactory
) -> None:
    """The secret comes from the environment that the fixture prepared."""
    sample = signed_event(name)
    assert verify_webhook(sample.body, sample.headers).type == sample.type == name


def test_overrides_set_members_of_data(signed_event: SignedEventFactory) -> None:
    """Only what is named changes."""
    sample = signed_event("user.created", id="user_1", first_name="Zoë")
    event = verify_webhook(sample.body, sample.headers)
    assert event.type == "user.created"
    assert (event.data.id, event.data.first_name) == ("user_1", "Zoë")
    assert event.data.email_addresses


def test_timestamp_can_be_chosen(signed_event: SignedEventFactory) -> None:
    """A delivery of another time is signed for that time."""
    sample = signed_event("user.deleted", timestamp=1_731_705_121)
    assert verify_webhook(sample.body, sample.headers, now=1_731_705_121).type == "user.deleted"


def test_receiver_records_what_verifies(
    webhook_receiver: WebhookReceiver, signed_event: SignedEventFactory
) -> None:
    """Events are typed and in order; a forged one is answered 400 and kept apart."""
    assert post(webhook_receiver, signed_event("user.created")) == 200
    assert post(webhook_receiver, signed_event("user.updated"), b"{}") == 400
    assert post(webhook_receiver, signed_event("user.deleted")) == 200
    events = webhook_receiver.wait_for(2)
    assert [event.type for event in events] == ["user.created", "user.deleted"]
    assert [request.status for request in webhook_receiver.requests] == [200, 400, 200]
    refusal = webhook_receiver.requests[1].error
    assert refusal is not None
    assert refusal.reason == "no_matching_signature"


def test_receiver_fails_when_told(
    webhook_receiver: WebhookReceiver, signed_event: SignedEventFactory
) -> None:
    """The next requests get the status wanted, and the one after them succeeds."""
    sample = signed_event("user.created")
    webhook_receiver.fail_next(2, status=503)
    assert [post(webhook_receiver, sample) for _ in range(3)] == [503, 503, 200]
    assert len(webhook_receiver.wait_for(1)) == 1


def test_receiver_says_what_did_not_come(
    webhook_receiver: WebhookReceiver, signed_event: SignedEventFactory
) -> None:
    """The wait ends with the count and the last refusal."""
    post(webhook_receiver, signed_event("user.created"), b"{}")
    with pytest.raises(TimeoutError, match=r"0 of 1 events.*does not fit"):
        webhook_receiver.wait_for(1, timeout=0.01)


def test_plugin_is_registered_and_light(tmp_path: Path) -> None:
    """A fresh pytest knows the fixtures and has loaded nothing of the library for them."""
    code = (
        "import sys, pytest\n"
        "pytest.main(['--fixtures', '-q', '-p', 'consignease'])\n"
        "loaded = [name for name in sys.modules if name.startswith(('consignease.', 'msgspec'))]\n"
        "print(sorted(loaded), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "webhook_receiver" in done.stdout
    assert "signed_event" in done.stdout
    light = ["consignease.sdk", "consignease.sdk.pytest_plugin"]
    assert done.stderr.strip().splitlines()[-1] == str(light)
