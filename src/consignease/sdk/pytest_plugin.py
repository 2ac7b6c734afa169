"""Fixtures for applications that receive webhooks; pytest finds them by itself.

Nothing of the library is imported before a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consignease.sdk.receiver import WebhookReceiver
    from consignease.sdk.samples import SignedEvent
    from consignease.wire.events import WebhookEventType
    from consignease.wire.json import JSON


class SignedEventFactory(Protocol):
    """What the fixture `signed_event` is."""

    def __call__(
        self,
        event_type: WebhookEventType,
        /,
        *,
        timestamp: int | None = None,
        **overrides: JSON,
    ) -> SignedEvent:
        """Sign an example of that type; `overrides` set members of its data.

        Args:
            event_type: Any type of the catalogue.
            timestamp: Unix seconds of signing; now if left out.
            overrides: Members of `data`, such as ``id``.
        """
        ...


@pytest.fixture
def webhook_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a signing secret, set as ``CLERK_WEBHOOK_SIGNING_SECRET`` for this test."""
    from consignease.wire.explain import SECRET_VARIABLE
    from consignease.wire.signing import generate_secret

    secret = generate_secret()
    monkeypatch.setenv(SECRET_VARIABLE, secret)
    return secret


@pytest.fixture
def signed_event(webhook_secret: str) -> SignedEventFactory:
    """Give a factory of signed sample events: ``signed_event("user.created", id="user_1")``."""
    from functools import partial

    from consignease.sdk import samples

    return partial(samples.signed_event, secret=webhook_secret)


@pytest.fixture
def webhook_receiver(webhook_secret: str) -> Iterator[WebhookReceiver]:
    """Run a server on the loopback interface that verifies and records deliveries."""
    from consignease.sdk.receiver import WebhookReceiver

    with WebhookReceiver(webhook_secret) as receiver:
        yield receiver
