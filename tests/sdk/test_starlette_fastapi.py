"""The adapters for Starlette and FastAPI, over their real test clients."""

import logging
import time
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import consignease.fastapi
import consignease.starlette
from consignease.webhooks import WebhookEvent, WebhookVerificationError
from tests.helpers.deliveries import BODY, OTHER_SECRET, SECRET, delivery


def fresh(secret: str = SECRET) -> dict[str, str]:
    """Make the headers of a delivery that is sent now."""
    return delivery(secret=secret, at=int(time.time()))


async def plain(request: Request) -> Response:
    """Verify by a call, then read the body once more."""
    try:
        event = await consignease.starlette.verify_webhook(request, secret=SECRET)
    except WebhookVerificationError as error:
        return PlainTextResponse(error.reason, 400)
    assert await request.body() == BODY
    return PlainTextResponse(event.type)


async def late(request: Request) -> Response:
    """Read the body away before verifying."""
    async for _ in request.stream():
        pass
    return await plain(request)


starlette_app = Starlette(
    routes=[Route("/plain", plain, methods=["POST"]), Route("/late", late, methods=["POST"])]
)
fastapi_app = FastAPI()


@fastapi_app.post("/dependency")
async def dependency(
    event: Annotated[WebhookEvent, Depends(consignease.fastapi.webhook_event)],
) -> str:
    """Get the event as a dependency."""
    assert event.type == "user.deleted"
    return event.data.id


@fastapi_app.post("/call")
async def call(request: Request) -> str:
    """Verify by a call."""
    return (await consignease.fastapi.verify_webhook(request, secret=SECRET)).type


def test_starlette() -> None:
    """The request verifies, and its body stays readable."""
    client = TestClient(starlette_app)
    assert client.post("/plain", content=BODY, headers=fresh()).text == "user.deleted"
    refused = client.post("/plain", content=BODY, headers=fresh(OTHER_SECRET))
    assert (refused.status_code, refused.text) == (400, "no_matching_signature")


def test_a_body_read_away_is_named() -> None:
    """A stream that somebody consumed is told from an empty body."""
    answer = TestClient(starlette_app).post("/late", content=BODY, headers=fresh())
    assert answer.text == "body_not_raw"


def test_fastapi_call() -> None:
    """The call serves under FastAPI as well."""
    answer = TestClient(fastapi_app).post("/call", content=BODY, headers=fresh())
    assert answer.json() == "user.deleted"


def test_fastapi_dependency(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The dependency gives the typed event, or answers 400 and logs why."""
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", SECRET)
    client = TestClient(fastapi_app)
    good = client.post("/dependency", content=BODY, headers=fresh())
    assert good.json() == "user_29w83sxmDNGwOuEthce5gg56FcC"
    with caplog.at_level(logging.WARNING, "consignease.webhooks"):
        bad = client.post("/dependency", content=BODY + b"\n", headers=fresh())
    assert (bad.status_code, bad.json()) == (400, {"detail": "Error verifying webhook"})
    assert "body_reserialised" in caplog.text
    assert SECRET not in caplog.text
