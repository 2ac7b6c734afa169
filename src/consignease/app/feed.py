"""Reading the log: what happened after a cursor, in order, each event once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from consignease.app import retention
from consignease.domain.faults import Gone
from consignease.domain.instances import Instance
from consignease.store import feed
from consignease.store.tx import Tx


class Feed(msgspec.Struct, frozen=True):
    """A part of the log.

    Attributes:
        rows: Messages, oldest first.
        next: The cursor to go on after.
        more: Whether there is more already.
        head: The newest cursor that can be read.
    """

    rows: list[Any]
    next: int
    more: bool
    head: int


def worth(found: Feed) -> bool:
    """Tell whether a part is worth an answer: there is something in it, or more beyond it."""
    return bool(found.rows) or found.more


def read(
    tx: Tx, instance: Instance, after: int | None, types: Sequence[str], limit: int, horizon: int
) -> Feed:
    """Return the instance's events after a cursor.

    Args:
        tx: The transaction, begun after the horizon was asked for.
        instance: Whose events.
        after: The cursor after which to read; None for the oldest that is kept.
        types: Which types, or groups such as ``user.*``; none for all.
        limit: How many at most; fewer where their bodies are large.
        horizon: The cursor up to which the log is complete for good.

    Raises:
        Gone: what comes after that cursor is not kept any more.
    """
    kept, head = retention.kept_from(tx), feed.head(tx, horizon)
    if after is None:
        after = kept
    elif after < kept:
        raise Gone(
            "What comes after that cursor is not kept any more.",
            code="events_expired",
            detail=f"Read the present state first (GET /v1/users), then go on after {head}.",
            param="after",
        )
    exact = [name for name in types if not name.endswith(".*")]
    groups = [name.removesuffix("*") for name in types if name.endswith(".*")]
    values: dict[str, object] = {
        "app": instance.app,
        "after": after,
        "horizon": horizon,
        "types": msgspec.json.encode(exact).decode() if types else None,
        "groups": msgspec.json.encode(groups).decode(),
        "limit": limit,
    }
    rows, full = feed.page(tx, values)
    reached = rows[-1]["cursor"] if full else feed.walked(tx, values)
    if reached is None:
        return Feed(rows, max(after, head), more=False, head=head)
    return Feed(rows, reached, more=reached < head, head=head)
