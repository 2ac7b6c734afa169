"""Why did no endpoint get this event: what is known of it, and the verdict for each endpoint."""

from typing import Any

import msgspec

from consignease.app import messages
from consignease.domain.delivery import State
from consignease.domain.explaining import Attempt, Facing, Handed, Sent, Verdict, judge, summary
from consignease.domain.explaining_pollers import Fetched, judge_poller
from consignease.domain.faults import NotFound
from consignease.domain.instances import Instance
from consignease.domain.messages import message_id
from consignease.store import explaining as store
from consignease.store.tx import Tx

MOST = 200
"""How many endpoints one explanation has at most; name one to see any other."""


class Explained(msgspec.Struct, frozen=True):
    """What became of a message.

    Attributes:
        row: The message's row.
        verdicts: For each endpoint its id, its URL and the verdict.
        fetched: For each polling endpoint its id and the verdict.
        summary: One sentence.
        more: Whether there are endpoints that were not looked at.
    """

    row: Any
    verdicts: list[tuple[str, str, Verdict]]
    fetched: list[tuple[str, Verdict]]
    summary: str
    more: bool


def explain(tx: Tx, instance: Instance, message: str, endpoint: str | None, now: int) -> Explained:
    """Explain what became of a message.

    Args:
        tx: The transaction.
        instance: The instance, as the message's application sees it.
        message: The message's id or eventId.
        endpoint: The id or uid of the only endpoint that matters, be it a polling one;
            None for all.
        now: Milliseconds.

    Raises:
        NotFound: there is no such message, or no such endpoint.
    """
    row = messages.find(tx, instance, message)
    sent = Sent(
        type=row["type"],
        at=row["at"],
        channels=_decoded(row["channels"]) or (),
        deliver_at=row["deliver_at"],
        expired=row["body"] is None,
    )
    found = store.endpoints(tx, instance.app, row["cursor"], endpoint, MOST + 1)
    fetched = store.pollers(tx, instance.app, row["cursor"], endpoint, MOST + 1)
    if endpoint is not None and not (found or fetched):
        raise NotFound(f"There is no endpoint {endpoint}.", code="not_found")
    verdicts = [
        (
            one["id"],
            one["url"],
            judge(sent, _facing(one), _handed(tx, instance, row["cursor"], one), now),
        )
        for one in found[:MOST]
    ]
    total = store.count(tx, instance.app)
    return Explained(
        row,
        verdicts,
        [(one["id"], judge_poller(sent, _fetched(one, row["cursor"]))) for one in fetched[:MOST]],
        summary([verdict for _, _, verdict in verdicts], endpoints=total, pollers=len(fetched)),
        max(len(found), len(fetched)) > MOST,
    )


def _decoded(text: str | None) -> list[str] | None:
    return None if text is None else msgspec.json.decode(text, type=list[str])


def _facing(row: Any) -> Facing:
    return Facing(
        id=row["id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        disabled=bool(row["disabled"]),
        disabled_reason=row["disabled_reason"],
        paused=bool(row["paused"]),
        paused_until=row["paused_until"],
        event_types=_decoded(row["event_types"]),
        channels=_decoded(row["channels"]),
        dropped=row["dropped"],
    )


def _fetched(row: Any, cursor: int) -> Fetched:
    return Fetched(
        created_at=row["created_at"],
        before=cursor <= row["start"],
        disabled=bool(row["disabled"]),
        event_types=_decoded(row["event_types"]),
        channels=_decoded(row["channels"]),
        consumers=row["consumers"],
        past=row["past"],
        behind=row["behind"],
    )


def _handed(tx: Tx, instance: Instance, cursor: int, row: Any) -> Handed | None:
    if row["state"] is None:
        return None
    state, subject = State(row["state"]), row["subject"]
    behind = None
    if state is State.WAITING and subject is not None:
        before = store.behind(tx, subject, row["no"], cursor)
        behind = None if before is None else message_id(instance.id, *before)
    last = None
    if row["at"] is not None:
        last = Attempt(
            at=row["at"],
            status=row["status"],
            phase=row["phase"],
            headers=row["headers"],
            response=row["response"],
        )
    return Handed(
        state=state,
        tries=row["tries"],
        due_at=row["due_at"],
        behind=behind,
        subject=subject is not None,
        last=last,
    )
