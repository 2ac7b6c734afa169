"""Applications: one for the instance's identity events, and as many of your own as you like."""

import msgspec

NAME_MAX = 256


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One application: endpoints and the messages that go to them.

    Attributes:
        no: Its number inside the database.
        uid: Your own name for it; None if it has none.
        rate_limit: Requests a second to all of its endpoints together; None for no limit.
    """

    no: int
    id: str
    uid: str | None
    name: str
    metadata: dict[str, str]
    rate_limit: int | None = None
    created_at: int
    updated_at: int
