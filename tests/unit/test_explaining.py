"""Every verdict on a message at an endpoint, from what is known of both."""

from typing import Any

import pytest

from consignease.domain.delivery import State
from consignease.domain.explaining import (
    Attempt,
    Facing,
    Handed,
    Sent,
    Verdict,
    judge,
    summary,
)

AT = 1_700_000_000_000
NOW = AT + 60_000
REFUSED = Attempt(at=AT, status=0, phase="connect")


def verdict(handed: Handed | None, sent: dict[str, Any], endpoint: dict[str, Any]) -> Verdict:
    whole = {"id": "ep_1", "created_at": AT - 1, "updated_at": AT - 1} | endpoint
    return judge(Sent(**({"type": "user.created", "at": AT} | sent)), Facing(**whole), handed, NOW)


CASES: list[tuple[str, Handed | None, dict[str, Any], dict[str, Any], str]] = [
    (
        "delivered",
        Handed(state=State.SUCCEEDED, tries=1, last=Attempt(at=AT, status=204)),
        {},
        {},
        "Delivered at 2023-11-14 22:13:20 UTC, answered 204.",
    ),
    ("sending", Handed(state=State.SENDING), {}, {}, "right now"),
    ("waiting", Handed(state=State.WAITING, behind="msg_9"), {}, {}, "behind msg_9"),
    ("due", Handed(state=State.WAITING), {}, {}, "Nothing is before it"),
    (
        "retrying",
        Handed(state=State.PENDING, tries=2, due_at=NOW + 60_000, last=REFUSED),
        {},
        {},
        "2023-11-14 22:15:20 UTC (after 2), because: Nothing accepted the connection.",
    ),
    (
        "scheduled",
        Handed(state=State.PENDING, due_at=NOW + 60_000),
        {"deliver_at": NOW + 60_000},
        {},
        "To be delivered at 2023-11-14 22:15:20 UTC",
    ),
    ("due", Handed(state=State.PENDING, due_at=NOW + 60_000), {}, {}, "To be sent at"),
    ("due", Handed(state=State.PENDING, due_at=AT), {}, {}, "not sent yet"),
    (
        "paused",
        Handed(state=State.PENDING, due_at=AT),
        {},
        {"paused_until": NOW + 60_000},
        "Paused until 2023-11-14 22:15:20 UTC",
    ),
    (
        "disabled",
        Handed(state=State.PENDING, due_at=AT),
        {},
        {"disabled": True, "disabled_reason": "The endpoint answered 410 Gone."},
        "410 Gone",
    ),
    ("disabled", Handed(state=State.WAITING, behind="msg_9"), {}, {"disabled": True}, "Somebody"),
    (
        "failed",
        Handed(state=State.FAILED, tries=8, last=Attempt(at=AT, status=404)),
        {},
        {},
        "Given up after 8 failed tries. Last: No route answers at this path.",
    ),
    ("canceled", Handed(state=State.CANCELED, subject=True), {}, {}, "was deleted before"),
    ("dropped", Handed(state=State.CANCELED), {}, {"dropped": 3}, "backlog"),
    ("canceled", Handed(state=State.CANCELED, subject=True), {}, {"dropped": 3}, "either"),
    ("canceled", Handed(state=State.CANCELED), {}, {}, "Canceled before it was sent."),
    ("expired", Handed(state=State.CANCELED), {"expired": True}, {}, "payload was forgotten"),
    ("deleted", Handed(state=State.CANCELED), {}, {"deleted_at": NOW}, "deleted at"),
    ("deleted", None, {}, {"deleted_at": AT - 1, "event_types": ["x.y"]}, "deleted at"),
    ("created later", None, {}, {"created_at": AT + 5}, "created after the message"),
    (
        "event type",
        None,
        {},
        {"event_types": [f"t.{n}" for n in range(7)]},
        "(t.0, t.1, t.2, t.3, t.4 and 2 more) do not include user.created",
    ),
    ("channel", None, {}, {"channels": ["blue"]}, "channels blue; the message has none"),
    ("channel", None, {"channels": ["red"]}, {"channels": ["blue"]}, "the message's are red"),
    ("deleted", None, {}, {"deleted_at": NOW}, "deleted at"),
    ("changed", None, {}, {"updated_at": NOW}, "filters were changed since"),
    ("changed", None, {"channels": ["blue"]}, {"channels": ["blue"]}, "not addressed"),
]


@pytest.mark.parametrize(("kind", "handed", "sent", "endpoint", "text"), CASES)
def test_a_verdict_follows_from_what_is_known(
    kind: str, handed: Handed | None, sent: dict[str, Any], endpoint: dict[str, Any], text: str
) -> None:
    """Its kind, and the words that say why."""
    found = verdict(handed, sent, endpoint)
    assert found.kind == kind
    assert text in found.text
    if kind in {"failed", "retrying", "disabled", "paused", "event type", "channel", "waiting"}:
        assert found.steps or handed == Handed(state=State.WAITING)


def test_a_pause_that_is_over_explains_nothing() -> None:
    """It is due."""
    handed = Handed(state=State.PENDING, due_at=AT)
    assert verdict(handed, {}, {"paused_until": NOW - 1}).kind == "due"


def test_the_sum_is_one_sentence() -> None:
    """Nobody is there, everybody has it, some have."""
    good, bad = Verdict("delivered", ""), Verdict("failed", "")
    assert "no endpoints" in summary([], endpoints=0)
    assert summary([good, good], endpoints=2) == "Every endpoint got it."
    assert summary([good, bad], endpoints=2) == "1 of 2 endpoints got it."
    assert summary([bad], endpoints=1) == "None of 1 endpoints got it."
