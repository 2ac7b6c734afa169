"""What every framework's adapter answers and logs alike."""

import logging

from consignease.sdk.errors import BodyNotRawError, WebhookVerificationError
from consignease.wire.explain import Diagnosis

RECEIVED = "Webhook received"
REFUSED = "Error verifying webhook"
REFUSED_STATUS = 400

_log = logging.getLogger("consignease.webhooks")


def log_refusal(error: WebhookVerificationError) -> None:
    """Tell the operator why a request was refused; the client is not told."""
    _log.warning("Webhook refused (%s): %s", error.reason, error)


def body_gone() -> BodyNotRawError:
    """Say that the request's body was read before it could be verified."""
    message = "The request's body was read by somebody else before it could be verified."
    fix = "Verify first, or keep middleware and form parsing away from this route."
    return BodyNotRawError(Diagnosis("body_not_raw", message, fix))
