"""Health: what each part of a server says of itself.

A part is a name and a function that answers ``ok``, or what is wrong and what
to do about it. To add a part, put a function into `Health.parts`. The server
as a whole fails, and says so with 503, only when one of `VITAL` is wrong: then
it cannot do its job, and another one should be asked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeAlias

Part: TypeAlias = Callable[[], Awaitable[str]]

OK = "ok"
VITAL = frozenset({"database", "sender"})
"""Parts without which nothing is accepted or delivered."""
PART_SECONDS = 2.5
"""How long a part may take to answer."""

_log = logging.getLogger("consignease.health")


class Report(NamedTuple):
    """What all parts said.

    Attributes:
        status: ``ok``, ``degraded`` (something needs a look), or ``failing``.
        parts: What each part said.
    """

    status: str
    parts: dict[str, str]

    @property
    def failing(self) -> bool:
        """Whether the server cannot do its job."""
        return self.status == "failing"

    def without_words(self) -> dict[str, str]:
        """Return the parts for eyes that need not know more than which one it is."""
        return {name: OK if said == OK else "not ok" for name, said in self.parts.items()}


class Health:
    """Asks every part.

    Attributes:
        parts: Name and function of each part, in the order they are shown.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self.parts = dict(parts)
        self._last: dict[str, str] = {}

    async def report(self) -> Report:
        """Ask all parts at once; a change is logged, a state that stays is not."""
        said = await asyncio.gather(*(_ask(part) for part in self.parts.values()))
        found = dict(zip(self.parts, said, strict=True))
        wrong = {name for name, words in found.items() if words != OK}
        status = "failing" if wrong & VITAL else "degraded" if wrong else OK
        for name, words in found.items():
            if (words == OK) != (self._last.get(name, OK) == OK):
                _log.log(
                    logging.INFO if words == OK else logging.WARNING, "health: %s: %s", name, words
                )
        self._last = found
        return Report(status, found)


async def _ask(part: Part) -> str:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await part()
    except TimeoutError:
        return f"no answer within {PART_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's state
        return f"cannot be looked at ({type(error).__name__}: {error})"
