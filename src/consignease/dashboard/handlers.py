"""The handler that each framework's application needs, ready to copy."""

from typing import Any

from consignease.dashboard.visit import Visit

_NEXT = """import { verifyWebhook } from '@clerk/nextjs/webhooks'
import { NextRequest } from 'next/server'

export async function POST(req: NextRequest) {
  try {
    const evt = await verifyWebhook(req)
    console.log(`Received webhook with ID ${evt.data.id} and event type of ${evt.type}`)
    return new Response('Webhook received', { status: 200 })
  } catch (err) {
    console.error('Error verifying webhook:', err)
    return new Response('Error verifying webhook', { status: 400 })
  }
}
"""
_EXPRESS = """import { verifyWebhook } from '@clerk/express/webhooks'
import express from 'express'

const app = express()
app.post('/api/webhooks', express.raw({ type: 'application/json' }), async (req, res) => {
  try {
    const evt = await verifyWebhook(req)
    console.log(`Received webhook with ID ${evt.data.id} and event type of ${evt.type}`)
    res.send('Webhook received')
  } catch (err) {
    console.error('Error verifying webhook:', err)
    res.status(400).send('Error verifying webhook')
  }
})
"""
_FASTAPI = """from typing import Annotated

from fastapi import Depends, FastAPI

from consignease.fastapi import webhook_event
from consignease.webhooks import WebhookEvent

app = FastAPI()


@app.post("/api/webhooks")
async def webhooks(event: Annotated[WebhookEvent, Depends(webhook_event)]) -> str:
    print(f"Received webhook with event type of {event.type}")
    return "Webhook received"
"""
_FLASK = """from flask import Flask, request

from consignease.flask import verify_webhook
from consignease.webhooks import WebhookVerificationError

app = Flask(__name__)


@app.post("/api/webhooks")
def webhooks() -> tuple[str, int]:
    try:
        event = verify_webhook(request)
    except WebhookVerificationError:
        return "Error verifying webhook", 400
    print(f"Received webhook with event type of {event.type}")
    return "Webhook received", 200
"""
_DJANGO = """from django.http import HttpRequest, HttpResponse

from consignease.django import webhook_view
from consignease.webhooks import WebhookEvent


@webhook_view()
def webhooks(request: HttpRequest, event: WebhookEvent) -> HttpResponse:
    print(f"Received webhook with event type of {event.type}")
    return HttpResponse("Webhook received")
"""
HANDLERS: dict[str, tuple[str, str, str]] = {
    "next": ("Next.js", "app/api/webhooks/route.ts", _NEXT),
    "express": ("Express", "server.ts", _EXPRESS),
    "fastapi": ("FastAPI", "main.py", _FASTAPI),
    "flask": ("Flask", "app.py", _FLASK),
    "django": ("Django", "views.py", _DJANGO),
}
"""By short name: the framework's name, the file, the code."""


_NODE = """import { Webhook } from 'standardwebhooks'
import express from 'express'

const app = express()
app.post('/webhooks', express.raw({ type: 'application/json' }), (req, res) => {
  try {
    const event = new Webhook(process.env.WEBHOOK_SECRET).verify(req.body, req.headers)
    console.log('Received', event)
    res.send('Webhook received')
  } catch (err) {
    console.error('Error verifying webhook:', err)
    res.status(400).send('Error verifying webhook')
  }
})
"""
_PYTHON = """import os

from flask import Flask, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

app = Flask(__name__)


@app.post("/webhooks")
def webhooks() -> tuple[str, int]:
    try:
        event = Webhook(os.environ["WEBHOOK_SECRET"]).verify(request.data, dict(request.headers))
    except WebhookVerificationError:
        return "Error verifying webhook", 400
    print("Received", event)
    return "Webhook received", 200
"""
PLAIN_HANDLERS: dict[str, tuple[str, str, str]] = {
    "node": ("Node.js", "server.js", _NODE),
    "python": ("Python", "app.py", _PYTHON),
}
"""The same, for bodies that are not identity events: by the packages of Standard Webhooks."""


def shown(visit: Visit, chosen: str) -> dict[str, Any]:
    """Return what the page shows of handlers, and of the variable that holds the secret."""
    plain = not visit.is_built_in
    handlers = PLAIN_HANDLERS if plain else HANDLERS
    return {
        "handlers": handlers,
        "framework": chosen if chosen in handlers else next(iter(handlers)),
        "variable": "WEBHOOK_SECRET" if plain else "CLERK_WEBHOOK_SIGNING_SECRET",
    }
