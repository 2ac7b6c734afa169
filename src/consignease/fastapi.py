"""Webhooks in FastAPI: verify the framework's own request, or depend on its event."""

from consignease.sdk.adapters.fastapi import verify_webhook, webhook_event

__all__ = ["verify_webhook", "webhook_event"]
