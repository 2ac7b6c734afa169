"""Whether a poller has a message, and which of its consumers have it behind them."""

from collections.abc import Sequence

import msgspec

from consignease.domain.explaining import Sent, Verdict, filtered, moment


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A poller of the message's application, as it stands to that message.

    Attributes:
        created_at: When it was made, in milliseconds.
        before: Whether the message is older than the poller's first one.
        event_types: Which events it has; None for all.
        channels: Which channels it is on; None for every message.
        consumers: How many the poller remembers.
        past: How many of them have dealt with the message.
        behind: The name of one that has not; None if there is none.
    """

    created_at: int
    before: bool
    disabled: bool = False
    event_types: Sequence[str] | None = None
    channels: Sequence[str] | None = None
    consumers: int = 0
    past: int = 0
    behind: str | None = None


def judge_poller(sent: Sent, poller: Fetched) -> Verdict:
    """Say whether a message can be fetched from a poller, and by whom it was."""
    if poller.before:
        return Verdict(
            "created later",
            f"The polling endpoint was created after the message, at {moment(poller.created_at)}.",
        )
    out = filtered(sent, poller.event_types, poller.channels)
    if out is not None:
        return out
    if sent.expired:
        return Verdict("expired", "Its payload was forgotten: who fetches it now gets none.")
    if poller.consumers and poller.past == poller.consumers:
        return Verdict("delivered", f"Fetched by every consumer ({poller.consumers}).")
    if poller.disabled:
        return Verdict(
            "disabled",
            "Disabled: nobody can fetch from it.",
            ("Enable the polling endpoint: what is there is fetched then.",),
        )
    return _to_be_fetched(poller)


def _to_be_fetched(poller: Fetched) -> Verdict:
    if not poller.consumers:
        return Verdict(
            "due",
            "There to be fetched. No consumer is known: one is, once it hands an iterator back.",
        )
    return Verdict(
        "due",
        f"Fetched by {poller.past} of {poller.consumers} consumers; {poller.behind} has yet to.",
        (f"See whether {poller.behind} runs, and hands back the iterator it was given last.",),
    )
