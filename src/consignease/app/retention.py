"""Forgetting what is kept no longer, in units of work of a few milliseconds.

The log is in the order of time, so what is old is a range of it: where it ends
is found by halving. How far bodies were forgotten is a number that is kept;
what had to stay behind (an open delivery, a time of its own) carries the time to
look at it again, and an index holds only those.
"""

from typing import Any

from consignease.domain.retention import LOOK_AGAIN_MS, Body, judge
from consignease.store import housekeeping, lanes, message_lists, retention, views
from consignease.store.tx import Tx

PART = 250
"""How many rows one unit of work looks at."""
MANY = 1_000
"""How many deliveries one unit of work removes of a part that goes whole."""
WALKED = 5_000
"""Among how many of its messages one unit of work looks for tags."""
FORGOTTEN = "forgotten"
"""Names the cursor up to which bodies may be gone: feeds begin above it."""
_DELETED = "deleted_users"
_TURN = "retention"


def turn(tx: Tx, now: int, until: int) -> bool:
    """Take the turn of this process; False if another one is at it."""
    return housekeeping.take_turn(tx, _TURN, now, until)


def end_turn(tx: Tx, now: int) -> None:
    """Leave the turn to whoever asks next."""
    housekeeping.end_turn(tx, _TURN, now)


def boundary(tx: Tx, at: int, low: int) -> int:
    """Return the cursor before which everything is older than a time; not below `low`."""
    return views.first_since(tx, at, low)


def kept_from(tx: Tx) -> int:
    """Return the cursor up to which bodies may be gone."""
    return housekeeping.number(tx, FORGOTTEN)


def _apply(tx: Tx, bodies: list[Body], now: int) -> int | None:
    fate = judge(bodies, now)
    retention.forget(tx, fate.forget)
    retention.look_again(tx, fate.later, now + LOOK_AGAIN_MS)
    return fate.last


def forget_due(tx: Tx, now: int) -> bool:
    """Forget bodies whose own time has come; tell whether there may be more."""
    bodies = retention.due(tx, now, PART)
    _apply(tx, bodies, now)
    return len(bodies) == PART


def forget_codes(tx: Tx, below: int, now: int) -> bool:
    """Forget bodies of email and sms events below a cursor; tell whether there may be more."""
    bodies = retention.codes(tx, below, PART)
    _apply(tx, bodies, now)
    return len(bodies) == PART


def forget_bodies(tx: Tx, below: int, now: int) -> bool:
    """Forget the next bodies below a cursor; tell whether there may be more."""
    bodies = retention.old(tx, kept_from(tx), below, PART)
    last = _apply(tx, bodies, now)
    if last is not None:
        housekeeping.note(tx, FORGOTTEN, last)
    return last is not None


def remove_attempts(tx: Tx, first: int, below: int) -> int | None:
    """Remove attempts of messages below a cursor.

    Returns:
        Where to go on; None if that was all.
    """
    keys = retention.old_attempts(tx, first, below, PART)
    retention.remove_attempts(tx, keys)
    return keys[-1][0] if len(keys) == PART else None


def remove_messages(tx: Tx, above: int, below: int, now: int) -> int | None:
    """Remove messages below a cursor with all that belongs to them, but what is open.

    Their own ids stay used, and the versions of what they were about go on.

    Returns:
        Where to go on; None if that was all.
    """
    rows = retention.removable(tx, above, below, now, PART)
    retention.remove(tx, [row for row in rows if not row["is_open"] and not row["is_kept"]])
    if not rows:
        return None
    last: int = rows[-1]["cursor"]
    housekeeping.note(tx, FORGOTTEN, last)
    return last if len(rows) == PART else None


def can_go(tx: Tx, table: str, first: int, end: int, now: int) -> bool:
    """Tell whether a part of the log, or of its attempts, may be dropped whole."""
    if retention.is_needed(tx, first, end):
        return False
    return table == "attempt" or not retention.is_kept(tx, first, end, now)


def remove_deliveries(tx: Tx, first: int, end: int) -> int | None:
    """Remove finished deliveries of a part that is to be dropped, from a cursor on.

    Returns:
        Where to go on; None if that was all.
    """
    housekeeping.note(tx, FORGOTTEN, end - 1)
    return retention.remove_deliveries(tx, first, end, MANY)


def remove_tags(tx: Tx, first: int, end: int) -> int | None:
    """Remove tags of messages of a part that is to be dropped, from a cursor on.

    Returns:
        Where to go on; None if that was all.
    """
    return retention.remove_tags(tx, first, end, WALKED)


def note_deleted_users(tx: Tx, horizon: int) -> bool:
    """Note whose bodies are to be forgotten; tell whether there may be more."""
    rows = retention.deleted_users(tx, housekeeping.number(tx, _DELETED), horizon, PART)
    start = _start(tx)
    for row in rows:
        retention.add_erasure(
            tx, app=None, subject=row["subject"], until=row["cursor"], start=start
        )
    if rows:
        housekeeping.note(tx, _DELETED, rows[-1]["cursor"])
    return len(rows) == PART


def forget_application(tx: Tx, app: int) -> None:
    """Note that every body an application has now is to be forgotten."""
    _, last = retention.ends(tx)
    retention.add_erasure(tx, app=app, subject=None, until=last, start=_start(tx))


def _start(tx: Tx) -> int:
    """Return where erasures begin: at a multiple of `PART`, so that later ones join earlier ones."""
    first, _ = retention.ends(tx)
    return max(0, first - 1) // PART * PART


def erase(tx: Tx, now: int) -> bool:
    """Forget bodies that are to be erased in the next part of the log.

    Of an application, what was not sent is canceled; about a user, bodies that
    are still to be delivered go when they have been.

    Returns:
        Whether there may be more.
    """
    position = retention.next_erasure(tx)
    if position is None:
        return False
    end = position + PART
    purged = retention.purged(tx, position, end)
    for cursor in purged:
        message_lists.cancel(tx, cursor)
    retention.forget(tx, purged)
    bodies = [body._replace(expires_at=None) for body in retention.erased(tx, position, end)]
    fate = judge(bodies, now)
    retention.forget(tx, fate.forget)
    retention.look_again(tx, fate.later, now + LOOK_AGAIN_MS)
    if not bodies or fate.last == bodies[-1].cursor:
        retention.erased_to(tx, position, end)
    return True


def idle_endpoints(tx: Tx, now: int) -> list[Any]:
    """Return number, id and most bytes of endpoints that are sent nothing for now."""
    return retention.idle(tx, now)


def surplus(tx: Tx, endpoint: int, below: int, most: int | None) -> int:
    """Return the cursor below which an endpoint's backlog is too old or too long."""
    over = None if most is None else retention.from_the_top(tx, endpoint, most)
    return max(below, 0 if over is None else over + 1)


def overweight(tx: Tx, endpoint: int, most: int) -> int:
    """Return the cursor below which an endpoint's backlog is too large; 0 if nowhere."""
    over = retention.beyond_bytes(tx, endpoint, most)
    return 0 if over is None else over + 1


def drop_backlog(tx: Tx, endpoint: int, below: int, now: int) -> int:
    """Cancel the oldest of what an endpoint was not sent; counted there, and recoverable.

    Returns:
        How many there were; 0 if that was all.
    """
    rows = retention.unsent(tx, endpoint, below, PART)
    if not rows:
        return 0
    count = retention.drop(tx, endpoint, [cursor for cursor, _ in rows])
    subjects = {subject for _, subject in rows if subject is not None}
    if subjects:
        over = [lanes.Lane(subject, endpoint, now) for subject in sorted(subjects)]
        tx.then(lanes.move_on_where_any_waits, over)
    return count
