"""Webhooks in Flask: verify the framework's own request."""

from consignease.sdk.adapters.flask import verify_webhook

__all__ = ["verify_webhook"]
