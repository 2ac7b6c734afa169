"""The alert that nothing was delivered for a configured time."""

from collections.abc import Sequence

from consignease.app import operations
from consignease.domain.instances import Instance
from consignease.store import silence
from consignease.store.tx import Tx

SHOWN = 100
"""How many endpoints an alert names."""


def look(tx: Tx, instances: Sequence[Instance], before: int) -> dict[int, list[str]]:
    """Return by instance what got nothing since a time, where nothing got anything."""
    missed = silence.missed(tx, before)
    return {
        one.no: missed[one.no]
        for one in instances
        if one.no in missed and not silence.worked(tx, one.no, before)
    }


def known(tx: Tx, instances: Sequence[Instance]) -> set[int]:
    """Return the numbers of the instances that are known to be silent."""
    return {one.no for one in instances if silence.noted(tx, one.no) is not None}


def alert(tx: Tx, instance: Instance, since: int, missed: Sequence[str], now: int) -> bool:
    """Report a silence, once for all processes; False if that was done already."""
    if not silence.note(tx, instance.no, since):
        return False
    operations.of_silence(tx, instance.app, since, list(missed[:SHOWN]), now)
    return True


def over(tx: Tx, instance: Instance) -> None:
    """Note that a silence is over, so that the next one is reported again."""
    silence.over(tx, instance.no)
