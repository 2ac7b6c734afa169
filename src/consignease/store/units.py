"""Units of work while they wait, on either database; and those that are done together.

A caller's item may be *joined* with the items of others: all that wait for the
same function when its turn comes are done by one call, ``fn(tx, items)``, which
returns for each item its result, or the exception that refuses it and leaves
nothing written. One statement for many rows costs a fraction of one for each.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from consignease.domain.faults import Unavailable
from consignease.store.tx import Tx

JOINED_MAX = 64
"""How many items one call takes at most."""


class Unit:
    """One unit of work that waits for, or has had, its turn.

    Attributes:
        joined: Whether its one argument is an item that may go with others.
        members: The units whose items this one does together.
    """

    __slots__ = ("args", "error", "fn", "future", "joined", "loop", "members", "result", "tx")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        *,
        joined: bool = False,
    ) -> None:
        self.fn = fn
        self.args = args
        self.loop = loop
        self.joined = joined
        self.members: list[Unit] = []
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None
        self.tx: Tx | None = None

    def answer(self) -> None:
        """Hand the outcome to the caller, who may have hung up meanwhile."""
        if self.joined:
            self._answer_members()
        elif not self.future.done():
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(self.result)

    def _answer_members(self) -> None:
        for at, member in enumerate(self.members):
            if member.future.done():
                continue
            found = self.error if self.error is not None else self.result[at]
            if isinstance(found, BaseException):
                member.future.set_exception(found)
            else:
                member.future.set_result(found)

    @property
    def broken(self) -> bool:
        """Whether a call for several items failed as a whole, and not for want of a database."""
        failed = self.error is not None and not isinstance(self.error, Unavailable)
        return failed and len(self.members) > 1

    def apart(self) -> "list[Unit]":
        """Return a unit for each member: what one of them broke must not cost the others."""
        return joined(self.members, most=1)


def joined(units: Sequence[Unit], most: int = JOINED_MAX) -> list[Unit]:
    """Return units in their order, with the items for one function put together."""
    made: list[Unit] = []
    open_: dict[Callable[..., Any], Unit] = {}
    for unit in units:
        if not unit.joined:
            made.append(unit)
            continue
        whole = open_.get(unit.fn)
        if whole is None or len(whole.members) >= most:
            whole = open_[unit.fn] = Unit(unit.fn, ([],), unit.loop, joined=True)
            made.append(whole)
        whole.members.append(unit)
        whole.args[0].append(unit.args[0])
    return made
