"""The adapter for Flask, over its real test client."""

import time

from flask import Flask, request

from consignease.flask import verify_webhook
from consignease.webhooks import WebhookVerificationError
from tests.helpers.deliveries import BODY, OTHER_SECRET, SECRET, delivery

app = Flask(__name__)


@app.errorhandler(WebhookVerificationError)
def refused(error: WebhookVerificationError) -> tuple[str, int]:
    """Show the reason."""
    return error.reason, 400


@app.post("/implicit")
def implicit() -> str:
    """Verify the request being handled."""
    return verify_webhook(secret=SECRET).type


@app.post("/explicit")
def explicit() -> str:
    """Verify a request handed over, parsed before."""
    assert request.get_json()
    return verify_webhook(request, secret=[OTHER_SECRET, SECRET]).type


@app.post("/late")
def late() -> str:
    """Read the body away before verifying."""
    request.stream.read()
    return verify_webhook(secret=SECRET).type


def post(path: str, body: bytes = BODY) -> str:
    """Send a fresh delivery."""
    headers = delivery(at=int(time.time()))
    return (
        app.test_client()
        .post(path, data=body, headers=headers, content_type="application/json")
        .text
    )


def test_good_deliveries() -> None:
    """The request verifies, given or not, also after somebody parsed it."""
    assert post("/implicit") == "user.deleted"
    assert post("/explicit") == "user.deleted"


def test_bad_deliveries() -> None:
    """A forged body and one read away are refused for their own reasons."""
    assert post("/implicit", BODY.replace(b"true", b"false")) == "no_matching_signature"
    assert post("/late") == "body_not_raw"
    assert app.test_client().post("/implicit").text == "missing_header"
