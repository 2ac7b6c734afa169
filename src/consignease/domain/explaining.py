"""Why an endpoint got a message or did not: one verdict, and what to do next."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

from consignease.domain.advice import Advice, explain
from consignease.domain.delivery import State

Kind: TypeAlias = Literal[
    "delivered",
    "sending",
    "waiting",
    "retrying",
    "scheduled",
    "due",
    "paused",
    "disabled",
    "failed",
    "canceled",
    "expired",
    "dropped",
    "event type",
    "channel",
    "created later",
    "deleted",
    "changed",
]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message, as far as that matters here.

    Attributes:
        at: When it was created, in milliseconds.
        deliver_at: When it was to be delivered; None for at once.
        expired: Whether its body is gone.
    """

    type: str
    at: int
    channels: Sequence[str] = ()
    deliver_at: int | None = None
    expired: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """The last try."""

    at: int
    status: int
    phase: str | None = None
    headers: bytes = b""
    response: bytes = b""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of the message to the endpoint.

    Attributes:
        behind: The id of the message it waits behind; None if it does not.
        subject: Whether the message is about somebody, who may have been deleted.
    """

    state: State
    tries: int = 0
    due_at: int | None = None
    behind: str | None = None
    subject: bool = False
    last: Attempt | None = None


class Facing(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint of the message's application, deleted or not.

    Attributes:
        event_types: Which events it wants; None for all.
        channels: Which channels it is on; None for every message.
        dropped: How many deliveries were dropped from its backlog.
    """

    id: str
    created_at: int
    updated_at: int
    deleted_at: int | None = None
    disabled: bool = False
    disabled_reason: str | None = None
    paused: bool = False
    paused_until: int | None = None
    event_types: Sequence[str] | None = None
    channels: Sequence[str] | None = None
    dropped: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What became of a message at an endpoint.

    Attributes:
        text: One sentence.
        steps: What to do about it, most likely first; none if all is well.
    """

    kind: Kind
    text: str
    steps: tuple[str, ...] = ()


def moment(at: int) -> str:
    """Return a time in milliseconds as people read it."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def judge(sent: Sent, endpoint: Facing, handed: Handed | None, now: int) -> Verdict:
    """Say what became of a message at an endpoint.

    Args:
        sent: The message.
        endpoint: The endpoint.
        handed: The delivery; None if the message was never addressed to it.
        now: The present, in milliseconds.
    """
    if handed is None:
        return _not_addressed(sent, endpoint)
    last = handed.last
    match handed.state:
        case State.SUCCEEDED:
            how = "" if last is None else f" at {moment(last.at)}, answered {last.status}"
            return Verdict("delivered", f"Delivered{how}.")
        case State.SENDING:
            return Verdict("sending", "It is being sent right now.")
        case State.FAILED:
            return _failed(handed)
        case State.CANCELED:
            return _canceled(sent, endpoint, handed)
        case _:
            return _open(sent, endpoint, handed, now)


def _open(sent: Sent, endpoint: Facing, handed: Handed, now: int) -> Verdict:
    return _held(endpoint, handed, now) or _next(sent, handed, now)


def _held(endpoint: Facing, handed: Handed, now: int) -> Verdict | None:
    """Say what holds a delivery up; None if only its time does."""
    if endpoint.disabled:
        why = endpoint.disabled_reason or "Somebody disabled it."
        since = moment(endpoint.updated_at)
        return Verdict(
            "disabled",
            f"Disabled, since {since} at the latest: {why}",
            ("Enable the endpoint: what waits for it is sent then.",),
        )
    if endpoint.paused:
        return Verdict(
            "paused",
            "Paused until somebody resumes it.",
            ("Resume the endpoint: what waits for it is sent then.",),
        )
    if endpoint.paused_until is not None and endpoint.paused_until > now:
        return Verdict(
            "paused",
            f"Paused until {moment(endpoint.paused_until)}.",
            ("Wait, or resume the endpoint.",),
        )
    if handed.state is State.WAITING:
        if handed.behind is None:
            return Verdict("due", "Nothing is before it any more: it is sent within seconds.")
        return Verdict(
            "waiting",
            f"Waiting behind {handed.behind}, which is about the same subject.",
            (
                f"See why that one is held up: consignease messages explain {handed.behind}",
                "Release the lane, or choose the ordering `none` if order does not matter.",
            ),
        )
    return None


def _next(sent: Sent, handed: Handed, now: int) -> Verdict:
    due = handed.due_at or now
    if handed.tries and handed.last is not None:
        advice = _advice(handed.last)
        why = "the last try failed" if advice is None else advice.title
        return Verdict(
            "retrying",
            f"Next try at {moment(due)} (after {handed.tries}), because: {why}",
            () if advice is None else advice.steps,
        )
    if sent.deliver_at is not None and due > now:
        return Verdict("scheduled", f"To be delivered at {moment(due)}, as was asked for.")
    if due > now:
        return Verdict("due", f"To be sent at {moment(due)}.")
    return Verdict(
        "due",
        "Due, and not sent yet: older ones of this endpoint go first, as many as it takes at once.",
        ("If this lasts: see the server's log, and whether a worker runs.",),
    )


def _failed(handed: Handed) -> Verdict:
    advice = None if handed.last is None else _advice(handed.last)
    why = "" if advice is None else f" Last: {advice.title}"
    steps = () if advice is None else advice.steps
    return Verdict(
        "failed",
        f"Given up after {handed.tries} failed tries.{why}",
        (*steps, "Then send it again: consignease messages resend."),
    )


def _canceled(sent: Sent, endpoint: Facing, handed: Handed) -> Verdict:
    if endpoint.deleted_at is not None:
        return _deleted(endpoint.deleted_at)
    if sent.expired:
        return Verdict("expired", "Canceled, because its payload was forgotten before it was sent.")
    superseded = "what it is about was deleted before it was sent"
    dropped = "the endpoint's backlog was too old or too long"
    again = ("To send it all the same: consignease messages resend.",)
    if handed.subject and not endpoint.dropped:
        return Verdict("canceled", f"Canceled, because {superseded}.", again)
    if endpoint.dropped and not handed.subject:
        return Verdict("dropped", f"Dropped, because {dropped}.", again)
    if endpoint.dropped:
        return Verdict("canceled", f"Canceled: either {superseded}, or {dropped}.", again)
    return Verdict("canceled", "Canceled before it was sent.", again)


def _not_addressed(sent: Sent, endpoint: Facing) -> Verdict:
    replay = ("To send it all the same: consignease messages resend, or replay what is missing.",)
    if endpoint.deleted_at is not None and endpoint.deleted_at <= sent.at:
        return _deleted(endpoint.deleted_at)
    if endpoint.created_at > sent.at:
        return Verdict(
            "created later",
            f"The endpoint was created after the message, at {moment(endpoint.created_at)}.",
            replay,
        )
    out = filtered(sent, endpoint.event_types, endpoint.channels)
    if out is not None:
        return out
    if endpoint.deleted_at is not None:
        return _deleted(endpoint.deleted_at)
    return Verdict(
        "changed",
        f"It was not addressed to it; its filters were changed since ({moment(endpoint.updated_at)}).",
        replay,
    )


def filtered(
    sent: Sent, event_types: Sequence[str] | None, channels: Sequence[str] | None
) -> Verdict | None:
    """Say by what a message is filtered out; None if it is not.

    Args:
        sent: The message.
        event_types: Which events are wanted; None for all.
        channels: Which channels are wanted; None for every message.
    """
    if event_types is not None and sent.type not in event_types:
        return Verdict(
            "event type",
            f"Filtered out: its event types ({_listed(event_types)}) do not include {sent.type}.",
            (f"Add {sent.type} to the endpoint's event types, for the next one.",),
        )
    if channels is not None and not set(channels) & set(sent.channels):
        has = (
            f"the message's are {_listed(sent.channels)}"
            if sent.channels
            else "the message has none"
        )
        return Verdict(
            "channel",
            f"Filtered out: it wants the channels {_listed(channels)}; {has}.",
            ("Send the message with one of them, or take the channels off the endpoint.",),
        )
    return None


def _deleted(at: int) -> Verdict:
    return Verdict("deleted", f"The endpoint was deleted at {moment(at)}.")


def _advice(last: Attempt) -> Advice | None:
    return explain(last.status, last.phase, last.headers, last.response)


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def summary(verdicts: Sequence[Verdict], *, endpoints: int, pollers: int = 0) -> str:
    """Sum up in one sentence what became of a message.

    Args:
        verdicts: One for each endpoint that was looked at.
        endpoints: How many endpoints the application has, deleted ones apart.
        pollers: How many polling endpoints were looked at.
    """
    if pollers and not (endpoints and verdicts):
        return "Nothing is sent to a polling endpoint: it is fetched from there."
    if not endpoints:
        return "The application has no endpoints: consignease endpoints create URL."
    got = sum(one.kind == "delivered" for one in verdicts)
    if got == len(verdicts):
        return "Every endpoint got it."
    return f"{got or 'None'} of {len(verdicts)} endpoints got it."
