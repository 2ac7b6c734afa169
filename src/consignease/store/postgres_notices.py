"""What processes on one PostgreSQL database tell one another.

One connection of each process listens, and tells what it has gathered for some
milliseconds in one message: endpoints with work that this process did not take
itself, endpoints whose settings were changed, and topics. Nothing depends on a
message that is lost: it only makes others look sooner.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from consignease.domain.leases import Leased
from consignease.store.postgres_session import connect
from consignease.store.tail import Tail
from consignease.store.tx import Handoff

_log = logging.getLogger("consignease.store")

CHANNEL = "consignease"
GATHER_SECONDS = 0.02
"""How long messages are gathered."""
AGAIN_SECONDS = 0.5
"""How long a process waits before it connects again."""
_MOST = 500
_LOG = "log"


class Notices:
    """The line to the other processes; also the hand of this one, whose news it passes on.

    Args:
        url: The database.
        hand: Who takes deliveries in this process.
        heard: Called with each topic that another process tells of, and with
            ``missed`` when it begins to listen, at the start or after a cut.

    Attributes:
        tail: Where readers of the log wait, who are told of it.
    """

    def __init__(self, url: str, hand: Handoff, heard: Callable[[str], None]) -> None:
        self._url = url
        self._hand = hand
        self._heard = heard
        self.tail = Tail()
        self._self = secrets.token_hex(4)
        self._due: set[int] = set()
        self._changed: set[int] = set()
        self._topics: set[str] = set()
        self._unsent: list[str] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._linked = False
        self.reserve = hand.reserve
        self.release = hand.release
        self.caught_up = hand.caught_up

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def take(self, leased: Sequence[Leased], due: Mapping[int, int]) -> None:
        """Give committed work to this process, and tell the others what is left."""
        self._hand.take(leased, due)
        if due:
            self._due.update(due)
            self._news.set()

    def changed(self, endpoint: int) -> None:
        """Tell everybody that the settings of an endpoint were changed."""
        self._hand.changed(endpoint)
        self._changed.add(endpoint)
        self._news.set()

    def begun(self) -> None:
        """Tell everybody that there is work for the background."""
        self._hand.begun()
        self.tell("tasks")

    def grew(self) -> None:
        """Tell everybody that a transaction ended that had appended to the log.

        Also one that was rolled back: what others appended after it can be read only now.
        """
        self.tail.grew()
        self.tell(_LOG)

    def tell(self, topic: str) -> None:
        """Tell the others of a topic."""
        self._topics.add(topic)
        self._news.set()

    async def _run(self) -> None:
        while True:
            why: Exception | None = None
            try:
                await self._on_line()
            except Exception as error:  # noqa: BLE001 - whatever cut it, it is made again
                why = error
            if self._linked:
                self._linked = False
                _log.warning("the line to the other processes is cut (%s); made again", why)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _on_line(self) -> None:
        connection = await connect(self._url)
        try:
            await connection.add_listener(CHANNEL, self._on_message)
            self._linked = True
            connection.add_termination_listener(self._cut)
            # Also the first time: what this process has read by now may have changed since.
            self.tail.grew()
            self._heard("missed")
            while not connection.is_closed():
                if not self._unsent:  # else the line was cut over them
                    await self._news.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                    self._news.clear()
                    self._unsent = self._gathered()
                while self._unsent:
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._unsent[0])
                    del self._unsent[0]
        finally:
            connection.terminate()

    def _cut(self, _connection: Any) -> None:
        self._news.set()

    def _gathered(self) -> list[str]:
        texts: list[str] = []
        for letter, numbers in (("d", self._due), ("c", self._changed)):
            listed = [str(number) for number in numbers]
            numbers.clear()
            texts += [
                f"{self._self} {letter} {','.join(listed[at : at + _MOST])}"
                for at in range(0, len(listed), _MOST)
            ]
        texts += [f"{self._self} t {topic}" for topic in self._topics]
        self._topics.clear()
        return texts

    def _on_message(self, _connection: Any, _pid: int, _channel: str, text: str) -> None:
        sender, letter, rest = text.split(" ", 2)
        if sender == self._self:
            return
        if letter == "t" and rest == _LOG:
            self.tail.grew()
        elif letter == "t":
            self._heard(rest)
        elif letter == "d":
            self._hand.take((), {int(number): 0 for number in rest.split(",")})
        else:
            for number in rest.split(","):
                self._hand.changed(int(number))
