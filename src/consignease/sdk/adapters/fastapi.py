"""Verifying FastAPI's request, by a call or as a dependency."""

from fastapi import HTTPException
from starlette.requests import Request

from consignease.sdk.adapters.replies import REFUSED, REFUSED_STATUS, log_refusal
from consignease.sdk.adapters.starlette import verify_webhook
from consignease.sdk.errors import WebhookVerificationError
from consignease.wire.events import WebhookEvent


async def webhook_event(request: Request) -> WebhookEvent:
    """Give a path operation its verified event: ``Depends(webhook_event)``.

    Uses ``CLERK_WEBHOOK_SIGNING_SECRET``; the reason of a refusal goes to the
    log ``consignease.webhooks``.

    Raises:
        HTTPException: 400 "Error verifying webhook" where verification fails.
    """
    try:
        return await verify_webhook(request)
    except WebhookVerificationError as error:
        log_refusal(error)
        raise HTTPException(REFUSED_STATUS, REFUSED) from error
