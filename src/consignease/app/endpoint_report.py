"""How an endpoint does, in figures."""

import msgspec

from consignease.app.endpoints import get, number
from consignease.domain.endpoints import Endpoint
from consignease.domain.health import DAY_MS
from consignease.domain.instances import Instance
from consignease.store import views
from consignease.store.tx import Tx

NEWEST = 1_000
"""How many attempts are looked at."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint did in the last 24 hours.

    Attributes:
        attempts: How many attempts there were, the newest 1,000 at most.
        succeeded: How many of them were accepted.
        waiting: How many messages wait, counted to 10,001.
    """

    endpoint: Endpoint
    attempts: int
    succeeded: int
    waiting: int


def report(tx: Tx, instance: Instance, name: str, now: int) -> Report:
    """Return how the endpoint with that id or uid does.

    Raises:
        NotFound: there is none.
    """
    no = number(tx, instance, name)
    recent = views.recent(tx, no, now - DAY_MS, NEWEST)
    good = sum(one["phase"] is None and 200 <= one["status"] < 300 for one in recent)
    waiting, _ = views.unsent(tx, no)
    return Report(
        endpoint=get(tx, instance, name), attempts=len(recent), succeeded=good, waiting=waiting
    )
