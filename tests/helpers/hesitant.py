"""Databases that hesitate: what was read arrives late, and what is to be written waits.

    CONSIGNEASE_TEST_HESITATE=0.5 python -m pytest tests/api

The number is the share of units that it happens to, in servers that run in the tests' own process.
Nothing may come out otherwise: what does was right only as long as the database was quick.
"""

import asyncio
import os
import random
import threading
from typing import Any

from consignease.store.engine import Store

PAUSES = (0.002, 0.01, 0.03, 0.08)
"""How long they hesitate, in seconds."""


def install() -> None:
    """Let the stores of this process hesitate, if the environment asks for it."""
    share = float(os.environ.get("CONSIGNEASE_TEST_HESITATE") or 0)
    if not share:
        return
    from consignease.store.postgres import PostgresStore

    dice = random.Random()

    def pause() -> float:
        return dice.choice(PAUSES) if dice.random() < share else 0

    def late(does: Any) -> Any:
        async def doing(*args: Any) -> Any:
            await asyncio.sleep(pause())
            done = await does(*args)
            await asyncio.sleep(pause())
            return done

        return doing

    def late_in_thread(does: Any) -> Any:
        def doing(*args: Any, **more: Any) -> Any:
            threading.Event().wait(pause() / 2)
            return does(*args, **more)

        return doing

    for store, name, wrap in (
        (Store, "read", late),
        (Store, "_commit", late_in_thread),
        (PostgresStore, "read", late),
        (PostgresStore, "_commit", late),
    ):
        setattr(store, name, wrap(getattr(store, name)))
