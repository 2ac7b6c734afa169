"""A webhook route. Set CLERK_WEBHOOK_SIGNING_SECRET, then: uvicorn handler:app --port 3000."""

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from consignease.fastapi import verify_webhook
from consignease.webhooks import WebhookVerificationError

app = FastAPI()


@app.post("/api/webhooks")
async def webhooks(request: Request) -> PlainTextResponse:
    try:
        evt = await verify_webhook(request)
    except WebhookVerificationError as error:
        print(f"Error verifying webhook: {error}")
        return PlainTextResponse("Error verifying webhook", 400)
    name = getattr(evt.data, "id", None)
    print(f"Received webhook with ID {name} and event type of {evt.type}")
    return PlainTextResponse("Webhook received")
