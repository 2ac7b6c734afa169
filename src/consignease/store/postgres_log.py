"""The log's numbers on PostgreSQL: how they are taken, and how far the log is complete.

Before a transaction takes its first number it holds a shared advisory lock that
is named by the number given out last. The horizon is the smallest number so held:
what is taken later is larger, what was taken before is committed or gone, so
nothing ever appears below it.
"""

from collections.abc import Sequence

from consignease.store.postgres_session import Session

LOG_LOCK = 1 << 62
"""What is added to a cursor to name its advisory lock."""

_FIRST = f"""
WITH held AS MATERIALIZED
  (SELECT pg_advisory_xact_lock_shared({LOG_LOCK} + last_value) FROM log_cursor)
SELECT nextval('log_cursor') FROM held, generate_series(1, ?)
"""  # noqa: S608 - a constant
_NEXT = "SELECT nextval('log_cursor') FROM generate_series(1, ?)"
HORIZON = f"""
SELECT least(
  (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM log_cursor),
  (SELECT min((classid::bigint << 32 | objid::bigint) - {LOG_LOCK}) FROM pg_locks
   WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
"""  # noqa: S608 - a constant


class Cursors:
    """The log's numbers, as one transaction takes them.

    Attributes:
        taken: Whether it has taken any: then others cannot read beyond them until it ends.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.taken = False

    def take(self, count: int) -> Sequence[int]:
        """Return the next numbers."""
        sql = _NEXT if self.taken else _FIRST
        self.taken = True
        return [row[0] for row in self._session.execute(sql, (count,)).fetchall()]
