"""Short calls of an API, answered straight at the socket.

What `consignease.direct` hands over: the body is small and its length known, so it is
here before anybody asks for it, and the answer is one piece. An ASGI server costs such a
call as much again as its work; it keeps the calls that are long, large or wait.
"""

from collections.abc import Coroutine
from typing import Any, Protocol

from consignease.api.dispatch import Api, Asked, Message
from consignease.api.ops import HeaderList

SMALL = 64 * 1024
"""Largest body that is read before it is known who sends it, in bytes."""


class Client(Protocol):
    """Who is answered: `consignease.direct.Direct` is one."""

    def want_body(self) -> None:
        """Tell a client that asked first that its body is wanted."""
        ...

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on that ends with an answer."""
        ...

    def answer(self, status: int, fields: HeaderList, data: bytes = b"", *, end: bool) -> None:
        """Answer."""
        ...


def small(fields: HeaderList) -> bool:
    """Tell whether a request's body is known to be small, or that there is none."""
    for name, value in fields:
        if name == b"transfer-encoding":
            return False
        if name == b"content-length" and int(value) > SMALL:
            return False
    return True


class Straight:
    """The exchange: one call.

    Args:
        api: Answers it.
        method: Its method.
        path: Its path.
        query: What follows the question mark.
        fields: Its header fields.
    """

    __slots__ = ("_api", "_body", "_client", "_fields", "_method", "_path", "_query", "_whole")

    def __init__(self, api: Api, method: str, path: str, query: bytes, fields: HeaderList) -> None:
        self._api = api
        self._method = method
        self._path = path
        self._query = query
        self._fields = fields
        self._body: list[bytes] = []
        self._client: Client | None = None
        self._whole = False

    def begin(self, client: Client) -> None:
        """It is this call's turn."""
        self._client = client
        client.want_body()

    def on_body(self, data: bytes) -> None:
        """Keep it."""
        self._body.append(data)

    def on_whole(self) -> None:
        """All of it is here."""
        self._whole = True

    def flush(self) -> None:
        """Answer, once it is whole."""
        client = self._client
        if self._whole and client is not None:
            self._client = None
            client.run(self._answer(client))

    def on_room(self) -> None:
        """The answer was handed over whole."""

    def on_gone(self) -> None:
        """What was asked for is done all the same."""

    async def _answer(self, client: Client) -> None:
        body = b"".join(self._body)

        # It must not lead back to this object: calls in circles are freed in bursts, which
        # hold up everything for a tenth of a second.
        async def read(limit: int) -> bytes:
            del limit  # it is small
            return body

        headers = dict(self._fields)
        asked = Asked(self._method, self._path, self._query, headers, read, _gone)
        answer = await self._api.answer(asked)
        if answer is not None:
            client.answer(*answer, end=True)


async def _gone() -> Message:
    """Nothing that waits is answered here."""
    return {"type": "http.disconnect"}
