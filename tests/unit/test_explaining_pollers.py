"""Every verdict on a message at a polling endpoint."""

from typing import Any

import pytest

from consignease.domain.explaining import Sent, summary
from consignease.domain.explaining_pollers import Fetched, judge_poller

AT = 1_700_000_000_000


@pytest.mark.parametrize(
    ("kind", "sent", "poller", "text"),
    [
        ("created later", {}, {"before": True}, "created after the message"),
        ("event type", {}, {"event_types": ["a.b"]}, "(a.b) do not include user.created"),
        ("channel", {}, {"channels": ["blue"]}, "channels blue; the message has none"),
        ("expired", {"expired": True}, {}, "payload was forgotten"),
        ("delivered", {}, {"consumers": 2, "past": 2}, "every consumer (2)"),
        ("delivered", {}, {"consumers": 1, "past": 1, "disabled": True}, "every consumer (1)"),
        ("disabled", {}, {"disabled": True}, "nobody can fetch"),
        ("due", {}, {}, "No consumer is known"),
        (
            "due",
            {},
            {"consumers": 3, "past": 1, "behind": "billing"},
            "Fetched by 1 of 3 consumers; billing has yet to.",
        ),
    ],
)
def test_a_verdict_says_who_has_fetched_a_message(
    kind: str, sent: dict[str, Any], poller: dict[str, Any], text: str
) -> None:
    """Its kind, and the words that say why."""
    whole = Sent(**({"type": "user.created", "at": AT} | sent))
    found = judge_poller(whole, Fetched(**({"created_at": AT, "before": False} | poller)))
    assert found.kind == kind
    assert text in found.text
    assert bool(found.steps) == (kind in {"event type", "channel", "disabled"} or "yet to" in text)


def test_where_messages_are_only_fetched_nobody_is_told_to_make_an_endpoint() -> None:
    """Nor that every endpoint got what was sent to none."""
    assert "fetched" in summary([], endpoints=0, pollers=1)
    assert "fetched" in summary([], endpoints=2, pollers=1)
