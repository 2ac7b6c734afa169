"""What happened, before it is given a place in the log."""

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """Who asked for the change: the end user's request, not the webhook's."""

    client_ip: str = ""
    user_agent: str = ""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change that subscribers are to be told of.

    Attributes:
        type: The event type, such as ``user.created``.
        object_id: What changed; its version goes up by one.
        subject: The aggregate whose lane the event is in; None for no lane.
        data: The encoded payload: one JSON object that survives a JavaScript
            parse and stringify byte for byte.
        deletes: Whether it makes what was queued about the subject pointless.
        origin: The request that caused it, if there was one.
    """

    type: str
    object_id: str
    subject: str | None
    data: bytes
    deletes: bool = False
    origin: Origin | None = None
