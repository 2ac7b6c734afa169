"""Inboxes of tokens: what is posted to ``/in/<token>/`` is kept, and handed to who listens.

Nothing here outlives the process. Tokens carry no login: whoever knows one may
post, read and listen. So their number is bounded, for all and for each address.
"""

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import msgspec

KEPT = 100
"""How many requests of an inbox are kept."""

BODY_LIMIT = 1024 * 1024
"""Largest request that an inbox takes, in bytes."""

MOST, MOST_OF_ONE = 2000, 50
"""How many inboxes there are at a time, in all and from one address."""

_TOKEN = re.compile(r"c_[0-9A-Za-z]{10,40}")


class Captured(msgspec.Struct, kw_only=True):
    """A request that an inbox took.

    Attributes:
        id: Names it; later ones are larger.
        method: Its method.
        url: Path and query.
        headers: Names and values; what comes more than once is joined with commas.
        body: In base64.
        ip: Where it came from.
        created_at: When, in milliseconds since 1970.
        response: What was answered: ``status_code``, and ``body`` in base64.
    """

    id: str
    method: str
    url: str
    headers: dict[str, str]
    body: str
    ip: str
    created_at: int
    response: dict[str, Any]


class Listener:
    """Who takes an inbox's requests at once: the protocol's end on the server."""

    def submit(self, number: str, method: str, headers: dict[str, str], body: bytes) -> None:
        """Hand a request over."""
        raise NotImplementedError


class Inbox:
    """One token's.

    Attributes:
        listener: Who listens; None if nobody does.
        waiting: Answers that are waited for, by the request's number.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.listener: Listener | None = None
        self.waiting: dict[str, asyncio.Future[Answer]] = {}
        self.kept: deque[Captured] = deque(maxlen=KEPT)

    def let_go(self) -> None:
        """Nobody listens any more: what waits gets no answer."""
        self.listener = None
        for future in self.waiting.values():
            if not future.done():
                future.set_result(Answer(status=0))


class Answer(msgspec.Struct, kw_only=True):
    """What a listener's application answered.

    Attributes:
        status: Its status; 0 for none.
        headers: Names and values.
        body: As it is to be sent.
    """

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""


class Inboxes:
    """All inboxes of this process.

    Args:
        now: The present, in milliseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._numbers = 0
        self._inboxes: OrderedDict[str, Inbox] = OrderedDict()

    def find(self, token: str) -> Inbox | None:
        """Return a token's inbox, if there is one."""
        return self._inboxes.get(token)

    def open(self, token: str, owner: str) -> Inbox | None:
        """Return a token's inbox; None if it is no token, or the address has too many.

        The inbox that was quiet longest makes room for a new one, unless somebody listens.
        """
        found = self._inboxes.get(token)
        if found is not None:
            self._inboxes.move_to_end(token)
            return found
        if not _TOKEN.fullmatch(token):
            return None
        if sum(one.owner == owner for one in self._inboxes.values()) >= MOST_OF_ONE:
            oldest = self._quiet(owner)
            if oldest is None:
                return None
            del self._inboxes[oldest]
        while len(self._inboxes) >= MOST:
            oldest = self._quiet(None)
            if oldest is None:
                return None
            del self._inboxes[oldest]
        inbox = self._inboxes[token] = Inbox(owner)
        return inbox

    def _quiet(self, owner: str | None) -> str | None:
        """Return the token of the inbox that was quiet longest and has no listener."""
        return next(
            (
                token
                for token, one in self._inboxes.items()
                if one.listener is None and (owner is None or one.owner == owner)
            ),
            None,
        )

    def next_number(self) -> str:
        """Return the name of the next request."""
        self._numbers += 1
        return f"{self._now():013d}{self._numbers:08d}"

    def keep(self, inbox: Inbox, captured: Captured) -> None:
        """Keep a request."""
        inbox.kept.append(captured)


def history(inbox: Inbox | None, iterator: str) -> dict[str, Any]:
    """Return what an inbox has kept after a place, the oldest first."""
    kept = list(inbox.kept) if inbox is not None else []
    data = [one for one in kept if one.id > iterator]
    return {"data": data, "iterator": data[-1].id if data else iterator, "done": True}
