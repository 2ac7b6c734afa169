"""Webhooks in Starlette: verify the framework's own request."""

from consignease.sdk.adapters.starlette import verify_webhook

__all__ = ["verify_webhook"]
