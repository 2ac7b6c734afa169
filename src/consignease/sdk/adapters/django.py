"""Verifying Django's request, sync and async, and a view that does it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeAlias, Unpack, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.http.request import RawPostDataException

from consignease.sdk import verify
from consignease.sdk.adapters.replies import (
    RECEIVED,
    REFUSED,
    REFUSED_STATUS,
    body_gone,
    log_refusal,
)
from consignease.sdk.errors import WebhookVerificationError
from consignease.sdk.verify import VerifyOptions
from consignease.wire.events import WebhookEvent

SyncHandler: TypeAlias = Callable[[HttpRequest, WebhookEvent], HttpResponseBase | None]
AsyncHandler: TypeAlias = Callable[[HttpRequest, WebhookEvent], Awaitable[HttpResponseBase | None]]
View: TypeAlias = Callable[[HttpRequest], Any]


class _Request(Protocol):
    """What is used of a request; Django itself comes without types."""

    method: str | None
    body: bytes
    headers: Mapping[str, str]


def _typed(request: object) -> _Request:
    return cast("_Request", request)


def verify_webhook(request: HttpRequest, **options: Unpack[VerifyOptions]) -> WebhookEvent:
    """Check a webhook request and return its event.

    Args:
        request: The request as Django gave it.
        options: As for `consignease.webhooks.verify_webhook`.

    Raises:
        WebhookVerificationError: The request must not be trusted. Answer 400.
    """
    typed = _typed(request)
    try:
        body = typed.body
    except RawPostDataException:
        raise body_gone() from None
    return verify.verify_webhook(body, typed.headers, **options)


async def averify_webhook(request: HttpRequest, **options: Unpack[VerifyOptions]) -> WebhookEvent:
    """Do what `verify_webhook` does, for an async view.

    Raises:
        WebhookVerificationError: The request must not be trusted. Answer 400.
    """
    return verify_webhook(request, **options)


def webhook_view(
    **options: Unpack[VerifyOptions],
) -> Callable[[SyncHandler | AsyncHandler], View]:
    """Make a view of a handler that takes the request and its verified event.

    The view needs no CSRF token (the signature stands in for it) and takes
    POST only. It answers 400 "Error verifying webhook" where verification
    fails, with the reason in the log ``consignease.webhooks``, and
    "Webhook received" where the handler returns nothing.

    Args:
        options: As for `consignease.webhooks.verify_webhook`.
    """

    def decorate(handler: SyncHandler | AsyncHandler) -> View:
        if iscoroutinefunction(handler):
            return _async_view(cast("AsyncHandler", handler), options)
        return _sync_view(cast("SyncHandler", handler), options)

    return decorate


def _sync_view(handler: SyncHandler, options: VerifyOptions) -> View:
    @wraps(handler)
    def view(request: HttpRequest) -> HttpResponseBase:
        event = _event_or_refusal(request, options)
        if isinstance(event, HttpResponse):
            return event
        return handler(request, event) or HttpResponse(RECEIVED.encode())

    return _csrf_exempt(view)


def _async_view(handler: AsyncHandler, options: VerifyOptions) -> View:
    @wraps(handler)
    async def view(request: HttpRequest) -> HttpResponseBase:
        event = _event_or_refusal(request, options)
        if isinstance(event, HttpResponse):
            return event
        return await handler(request, event) or HttpResponse(RECEIVED.encode())

    return _csrf_exempt(view)


def _csrf_exempt(view: View) -> View:
    view.csrf_exempt = True  # pyright: ignore[reportFunctionMemberAccess]
    return view


def _event_or_refusal(request: HttpRequest, options: VerifyOptions) -> WebhookEvent | HttpResponse:
    if _typed(request).method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        return verify_webhook(request, **options)
    except WebhookVerificationError as error:
        log_refusal(error)
        return HttpResponse(REFUSED.encode(), status=REFUSED_STATUS)
