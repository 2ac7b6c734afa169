"""Verifying Flask's request."""

from typing import Unpack

import flask

from consignease.sdk import verify
from consignease.sdk.adapters.replies import body_gone
from consignease.sdk.verify import VerifyOptions
from consignease.wire.events import WebhookEvent


def verify_webhook(
    request: flask.Request | None = None, **options: Unpack[VerifyOptions]
) -> WebhookEvent:
    """Check a webhook request and return its event.

    Args:
        request: The request; the one being handled if left out.
        options: As for `consignease.webhooks.verify_webhook`.

    Raises:
        WebhookVerificationError: The request must not be trusted. Answer 400.
    """
    request = flask.request if request is None else request
    body = request.get_data()
    if not body and request.content_length:
        raise body_gone()
    return verify.verify_webhook(body, list(request.headers), **options)
