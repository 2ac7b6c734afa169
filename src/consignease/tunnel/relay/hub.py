"""All tunnels of this server: who has which name open, and who waits for whose return."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from consignease.domain.faults import Fault
from consignease.tunnel.frames import VERSION, Goaway, Hello, Welcome
from consignease.tunnel.relay.patience import Patience
from consignease.tunnel.relay.words import BUSY, CLOSED, LOST, UNKNOWN, Refusal

SLOT_SECONDS = 60.0
"""How long a name waits for an agent whose connection broke; nobody else gets it so long."""

RETURN_SECONDS = 2.0
"""How long a request waits for such an agent."""

ANSWER_SECONDS = 300.0
"""How long an application may take to begin its answer."""

STREAMS_MOST = 100
"""Exchanges at the same time through one agent."""

_WORDS = "amber brook cedar dawn ember fern grove heron iris jade kite lark maple north olive pine "
_NAMES = (_WORDS + "quill reed sage tide umber vale wren yarrow fawn moss dune finch").split()

_log = logging.getLogger("consignease.tunnel")

Claim = Callable[[int, str], Awaitable[None]]
"""Keeps a name for an instance, or raises a fault."""

Kept = Callable[[str], Awaitable[bool]]
"""Whether a name is kept for anybody."""


class Session(Protocol):
    """One agent: `consignease.tunnel.relay.session.Session` is.

    Attributes:
        instance: Number of the instance whose key it has.
        owner: Who it is, for people.
        peer: The address it comes from.
        since: When it came, for people.
        resume: Known to the agent and here, so that it can come back.
        pooled: Whether it shares its name.
    """

    instance: int
    owner: str
    peer: str
    since: str
    resume: str
    pooled: bool

    @property
    def under_way(self) -> int:
        """How many exchanges are under way through it."""
        ...

    def dismiss(self, goaway: Goaway) -> None:
        """Send the agent away."""
        ...


S = TypeVar("S", bound=Session)


class Tunnel(Generic[S]):
    """One name that is open, or was a moment ago.

    Attributes:
        name: Its name.
        instance: Number of the instance it belongs to; 0 while nobody has come back.
        sessions: Agents that serve it: one, or several that share it.
        expires: When the name is forgotten, while there are none.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.instance = 0
        self.sessions: list[S] = []
        self.expires = 0.0
        self._turn = 0
        self._arrived = asyncio.Event()

    def add(self, session: S) -> None:
        """Let an agent serve it."""
        self.sessions.append(session)
        self._arrived.set()

    def remove(self, session: S, *, forget: bool) -> None:
        """An agent is gone; its place is kept for a while, unless it said goodbye."""
        with contextlib.suppress(ValueError):
            self.sessions.remove(session)
        if not self.sessions:
            self._arrived.clear()
            now = asyncio.get_running_loop().time()
            self.expires = now if forget else now + SLOT_SECONDS

    def next(self) -> S | None:
        """Return the agent whose turn it is."""
        if not self.sessions:
            return None
        self._turn += 1
        return self.sessions[self._turn % len(self.sessions)]

    async def wait(self) -> S | None:
        """Return the agent whose turn it is; wait a moment for one that lost its connection."""
        if not self.sessions and asyncio.get_running_loop().time() < self.expires:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETURN_SECONDS):
                    await self._arrived.wait()
        return self.next()


class Hub(Generic[S]):
    """The tunnels.

    Args:
        claim: Keeps a name for an instance.
        kept: Says whether a name is kept.
        address: Returns the URL and the prefix of the path of a name.
    """

    def __init__(self, claim: Claim, kept: Kept, address: Callable[[str], tuple[str, str]]) -> None:
        self._claim = claim
        self._kept = kept
        self._address = address
        self.patience = Patience(ANSWER_SECONDS)
        self._tunnels: dict[str, Tunnel[S]] = {}
        self._started = asyncio.get_running_loop().time()

    def at_once(self, name: str) -> S | Refusal | None:
        """Return the agent that is to answer for a name; None if `find` has to look or wait."""
        tunnel = self._tunnels.get(name)
        session = tunnel.next() if tunnel is not None else None
        if session is None:
            return None
        return session if session.under_way < STREAMS_MOST else BUSY

    async def find(self, name: str) -> S | Refusal:
        """Return the agent that is to answer for a name, or why there is none."""
        tunnel = self._tunnels.get(name)
        if tunnel is None:
            if not await self._kept(name):
                return UNKNOWN
            tunnel = self._tunnels.setdefault(name, Tunnel[S](name))
            # After the server's own restart its agents are on their way back.
            tunnel.expires = tunnel.expires or self._started + SLOT_SECONDS
        session = tunnel.next() or await tunnel.wait()
        if session is None:
            late = asyncio.get_running_loop().time() >= tunnel.expires
            if late and not tunnel.sessions:
                self._tunnels.pop(name, None)
            return CLOSED if late else LOST
        return session if session.under_way < STREAMS_MOST else BUSY

    async def admit(self, session: S, hello: Hello) -> Welcome | Goaway:
        """Let an agent open a tunnel, or say why not."""
        if hello.version != VERSION:
            words = (
                "The server speaks another version of the protocol. Update the older of the two."
            )
            return Goaway(words=words, code="refused")
        name = hello.name or self._invent()
        try:
            await self._claim(session.instance, name)
        except Fault as fault:
            code = "taken" if fault.code == "form_identifier_exists" else "refused"
            return Goaway(words=fault.message, code=code)
        tunnel = self._tunnels.setdefault(name, Tunnel[S](name))
        refused = self._taken(tunnel, hello)
        if refused is not None:
            return refused
        replaced = self._replace(tunnel, hello)
        session.resume = hello.resume or secrets.token_urlsafe(18)
        session.pooled = hello.pool
        tunnel.instance = session.instance
        tunnel.add(session)
        url, prefix = self._address(name)
        _log.info("tunnel %s opened by %s from %s", name, hello.owner, session.peer)
        return Welcome(name=name, url=url, prefix=prefix, resume=session.resume, replaced=replaced)

    def lost(self, session: S, *, forget: bool) -> None:
        """An agent is gone; its name waits for its return, unless it said goodbye."""
        for tunnel in self._tunnels.values():
            if session in tunnel.sessions:
                tunnel.remove(session, forget=forget)

    def release(self, instance: int, name: str) -> None:
        """End a tunnel whose name was given up."""
        tunnel = self._tunnels.get(name)
        if tunnel is not None and tunnel.instance == instance:
            del self._tunnels[name]
            for session in list(tunnel.sessions):
                session.dismiss(Goaway(words="The name was given up.", code="released"))

    def open_names(self, instance: int) -> dict[str, list[str]]:
        """Return who has an instance's names open."""
        return {
            name: [session.owner for session in tunnel.sessions]
            for name, tunnel in self._tunnels.items()
            if tunnel.instance == instance and tunnel.sessions
        }

    def stop(self) -> None:
        """Send every agent away: the server ends, or restarts."""
        for tunnel in self._tunnels.values():
            for session in list(tunnel.sessions):
                words = "The server stops."
                session.dismiss(Goaway(words=words, code="restart", retry_after=0.5))

    def _taken(self, tunnel: Tunnel[S], hello: Hello) -> Goaway | None:
        """Say who has it, unless the newcomer may come in."""
        others = [one for one in tunnel.sessions if one.resume != hello.resume or not hello.resume]
        if not others or hello.takeover:
            return None
        if hello.pool and all(one.pooled for one in others):
            return None
        other = others[0]
        words = (
            f"{tunnel.name} is open already: by {other.owner or 'another agent'} from {other.peer}, "
            f"since {other.since}. Add --takeover to end that one, or --pool on both to share it."
        )
        return Goaway(words=words, code="taken")

    def _replace(self, tunnel: Tunnel[S], hello: Hello) -> str:
        """End the agents in whose place the newcomer is; return the owner of one."""
        replaced = ""
        for other in list(tunnel.sessions):
            again = bool(hello.resume) and other.resume == hello.resume
            if again or (hello.takeover and not hello.pool) or not (hello.pool and other.pooled):
                replaced = "" if again else other.owner or "another agent"
                words = f"{hello.owner or 'Another agent'} opened this tunnel."
                other.dismiss(Goaway(words=words, code="replaced"))
                tunnel.remove(other, forget=False)
        return replaced

    def _invent(self) -> str:
        while True:
            name = f"{secrets.choice(_NAMES)}-{secrets.choice(_NAMES)}-{secrets.token_hex(2)}"
            if name not in self._tunnels:
                return name
