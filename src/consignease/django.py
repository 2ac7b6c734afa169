"""Webhooks in Django: verify the framework's own request, or make a view of a handler."""

from consignease.sdk.adapters.django import averify_webhook, verify_webhook, webhook_view

__all__ = ["averify_webhook", "verify_webhook", "webhook_view"]
