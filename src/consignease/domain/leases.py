"""A delivery in the hands of a worker."""


class Leased:
    """What a worker needs in order to try one delivery.

    Attributes:
        cursor: The message's position in the log.
        endpoint: Number of the endpoint.
        instance_id: The instance, which the message's identifier is made from.
        subject: Number of the subject; None for a message without a lane.
        at: When the message was created, in milliseconds.
        body: The bytes to sign and send.
        tries: How many tries are used up.
        attempts: How many attempts have been recorded, tries or not.
        started_at: When the first try began, in milliseconds; None before it.
        content_type: What the body is, where it is not JSON; None for JSON.
        by_hand: Whether somebody asked for it to be sent once more.
    """

    __slots__ = (
        "at",
        "attempts",
        "body",
        "by_hand",
        "content_type",
        "cursor",
        "endpoint",
        "instance_id",
        "started_at",
        "subject",
        "tries",
    )

    def __init__(
        self,
        cursor: int,
        endpoint: int,
        instance_id: str,
        subject: int | None,
        at: int,
        body: bytes,
        tries: int = 0,
        attempts: int = 0,
        started_at: int | None = None,
        content_type: str | None = None,
        *,
        by_hand: bool = False,
    ) -> None:
        self.by_hand = by_hand
        self.cursor = cursor
        self.endpoint = endpoint
        self.instance_id = instance_id
        self.subject = subject
        self.at = at
        self.body = body
        self.tries = tries
        self.attempts = attempts
        self.started_at = started_at
        self.content_type = content_type
