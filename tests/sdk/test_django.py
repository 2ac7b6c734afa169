"""The adapter for Django, sync and async, over its real test clients."""

import time

import django
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path

from consignease.django import averify_webhook, verify_webhook, webhook_view
from consignease.webhooks import WebhookEvent, WebhookVerificationError
from tests.helpers.deliveries import BODY, OTHER_SECRET, SECRET, delivery

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests",
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    )
    django.setup()

seen: list[str] = []


@webhook_view(secret=SECRET)
def silent(_request: HttpRequest, event: WebhookEvent) -> None:
    """Take the event and return nothing."""
    seen.append(event.type)


@webhook_view(secret=[OTHER_SECRET, SECRET])
async def awaited(_request: HttpRequest, event: WebhookEvent) -> HttpResponse:
    """Answer from an async handler."""
    return HttpResponse(event.type, status=201)


@webhook_view()
def from_environment(_request: HttpRequest, _event: WebhookEvent) -> None:
    """Use the secret of the environment."""


urlpatterns = [
    path("silent", silent),
    path("awaited", awaited),
    path("environment", from_environment),
]


def fresh(secret: str = SECRET) -> dict[str, str]:
    """Make the headers of a delivery that is sent now."""
    return delivery(secret=secret, at=int(time.time()))


def post(where: str, headers: dict[str, str]) -> tuple[int, str]:
    """Send a delivery through the middleware, which enforces CSRF tokens."""
    client = Client(enforce_csrf_checks=True)
    answer = client.post(f"/{where}", BODY, content_type="application/json", headers=headers)
    return answer.status_code, answer.content.decode()


def test_sync_view() -> None:
    """No CSRF token is needed; a handler that returns nothing answers 200."""
    seen.clear()
    assert post("silent", fresh()) == (200, "Webhook received")
    assert seen == ["user.deleted"]
    assert post("silent", fresh(OTHER_SECRET)) == (400, "Error verifying webhook")
    assert seen == ["user.deleted"]
    assert Client().get("/silent").status_code == 405


@pytest.mark.anyio
async def test_async_view() -> None:
    """An async handler makes an async view."""
    client = AsyncClient(enforce_csrf_checks=True)
    for headers, expected in (
        (fresh(), (201, b"user.deleted")),
        ({}, (400, b"Error verifying webhook")),
    ):
        answer = await client.post(
            "/awaited", BODY, content_type="application/json", headers=headers
        )
        assert (answer.status_code, answer.content) == expected


def test_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is read when a request comes, not when the view is made."""
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", SECRET)
    assert post("environment", fresh()) == (200, "Webhook received")


@pytest.mark.anyio
async def test_calls() -> None:
    """Both calls verify a request, and name a body that was read away."""
    requests = RequestFactory()
    good = requests.post("/", BODY, content_type="application/json", headers=fresh())
    assert verify_webhook(good, secret=SECRET).type == "user.deleted"
    assert (await averify_webhook(good, secret=SECRET)).type == "user.deleted"
    late = requests.post("/", BODY, content_type="application/json", headers=fresh())
    late.read()
    with pytest.raises(WebhookVerificationError) as caught:
        verify_webhook(late, secret=SECRET)
    assert caught.value.reason == "body_not_raw"
