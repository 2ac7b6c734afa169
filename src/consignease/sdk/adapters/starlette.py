"""Verifying Starlette's request, also under frameworks built on Starlette."""

from typing import Unpack

from starlette.requests import Request

from consignease.sdk import verify
from consignease.sdk.adapters.replies import body_gone
from consignease.sdk.verify import VerifyOptions
from consignease.wire.events import WebhookEvent


async def verify_webhook(request: Request, **options: Unpack[VerifyOptions]) -> WebhookEvent:
    """Check a webhook request and return its event.

    The body stays readable for the handler afterwards.

    Args:
        request: The request as the framework gave it.
        options: As for `consignease.webhooks.verify_webhook`.

    Raises:
        WebhookVerificationError: The request must not be trusted. Answer 400.
    """
    try:
        body = await request.body()
    except RuntimeError:
        raise body_gone() from None
    return verify.verify_webhook(body, request.headers.raw, **options)
