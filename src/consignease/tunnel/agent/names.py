"""Asking the server about the names of tunnels."""

import asyncio
from urllib.parse import quote

import msgspec

from consignease.tunnel.agent.http1 import Answer, CallError, Origin
from consignease.tunnel.agent.listen import StopError

_SECONDS = 15.0


class Name(msgspec.Struct):
    """A name that is kept.

    Attributes:
        name: The name.
        url: Where it is reached.
        open_by: Who has it open now.
    """

    name: str
    url: str
    open_by: list[str]


class _Names(msgspec.Struct):
    data: list[Name]


class _Sentence(msgspec.Struct):
    long_message: str


class _Refusal(msgspec.Struct):
    errors: list[_Sentence]


def list_names(url: str, key: str) -> list[Name]:
    """Return the names of the key's instance.

    Raises:
        StopError: The server refused, or is not reached.
    """
    answer = asyncio.run(_call(url, key, "GET", "/v1/tunnels"))
    return msgspec.json.decode(answer.body, type=_Names).data


def release_name(url: str, key: str, name: str) -> None:
    """Give a name up.

    Raises:
        StopError: The server refused, or is not reached.
    """
    asyncio.run(_call(url, key, "DELETE", f"/v1/tunnels/{quote(name, safe='')}"))


async def _call(url: str, key: str, method: str, path: str) -> Answer:
    origin = Origin(url)
    try:
        headers = (f"Authorization: Bearer {key}",)
        answer = await origin.call(method, path, headers, timeout=_SECONDS)
    except CallError as error:
        raise StopError(f"The server at {url} is not reached: {error}.", 1) from None
    finally:
        await origin.close()
    if answer.status < 300:
        return answer
    if answer.status in {401, 403}:
        raise StopError("The server refused the key.", 3)
    try:
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
        words = " ".join(one.long_message for one in refusal.errors)
    except msgspec.DecodeError:
        words = f"The server answered {answer.status}."
    raise StopError(words, 2)
