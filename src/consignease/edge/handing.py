"""What both senders do with what has come back, and with what never will."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from consignease.edge.outcome import Outcome

_log = logging.getLogger(__name__)


class Holds(Protocol):
    """A pool: it holds requests that have not come back."""

    def given_back(self, phase: str, error: str) -> list[Outcome]:
        """Return outcomes of a failure of ours for whatever has not come back."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


def abandon(pools: Iterable[Holds], phase: str, error: str) -> list[Outcome]:
    """Close pools and return outcomes for all that they held.

    Args:
        pools: The pools.
        phase: ``internal`` or ``stopped``.
        error: Why, in plain words.
    """
    outcomes: list[Outcome] = []
    for pool in pools:
        outcomes += pool.given_back(phase, error)
        try:
            pool.close()
        except Exception:  # noqa: BLE001 (what is left of it must not cost the rest)
            _log.exception("connections could not be closed")
    return outcomes


def hand_over(on_done: Callable[[list[Outcome]], None], outcomes: list[Outcome]) -> None:
    """Hand a round's outcomes over, if there are any; the taker's fault does not end the sender."""
    if not outcomes:
        return
    try:
        on_done(outcomes)
    except Exception:  # noqa: BLE001 (the caller's fault must not end the sender)
        _log.exception("the receiver of outcomes failed; %d outcomes are lost", len(outcomes))
