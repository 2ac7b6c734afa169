"""Background tasks: their rows, one chunk at a time."""

from typing import Any

from consignease.store.tx import Tx

_INSERT = """
INSERT INTO task (id, instance, kind, endpoint, args, state, first, position, last, count,
                  created_at, updated_at)
VALUES (:id, :instance, :kind, :endpoint, :args, :state, :first, :first, :last, 0, :now, :now)
RETURNING *
"""
_FIND = "SELECT * FROM task WHERE instance = ? AND id = ?"
_NEWEST = "SELECT * FROM task WHERE endpoint = ? ORDER BY no DESC LIMIT 1"
_RUNNING = "SELECT no FROM task WHERE state = 0 ORDER BY no LIMIT 100"
# Who has the row has the chunk: it is free again with the commit, or with the end of a process.
_LOCK = "SELECT * FROM task WHERE no = ? AND state = 0 /* postgresql: FOR UPDATE SKIP LOCKED */"
_ADVANCE = """
UPDATE task SET position = :position, count = count + :count, state = :state, updated_at = :now,
  result = coalesce(CAST(:result AS TEXT), result)
WHERE no = :no
"""
_FAIL = "UPDATE task SET state = 2, error = ?, updated_at = ? WHERE no = ? AND state = 0"
_FILTER = """
  AND (CAST(:state AS BIGINT) IS NULL OR state = :state)
  AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
"""
_PAGE_DOWN = f"""
SELECT * FROM task WHERE instance = :instance AND no < :after {_FILTER}
ORDER BY no DESC LIMIT :limit
"""  # noqa: S608 - constants
_PAGE_UP = f"""
SELECT * FROM task WHERE instance = :instance AND no > :after {_FILTER}
ORDER BY no LIMIT :limit
"""  # noqa: S608 - constants
_DROP = """
DELETE FROM task WHERE no IN (SELECT no FROM task WHERE state > 0 AND updated_at < ? LIMIT 500)
"""


def insert(tx: Tx, values: dict[str, object]) -> Any:
    """Add a task and return its row."""
    return tx.one(_INSERT, values)


def find(tx: Tx, instance: int, name: str) -> Any:
    """Return a task by its id, or None."""
    return tx.one(_FIND, (instance, name))


def newest(tx: Tx, endpoint: int) -> Any:
    """Return the newest task of an endpoint, or None."""
    return tx.one(_NEWEST, (endpoint,))


def running(tx: Tx) -> list[int]:
    """Return the numbers of tasks that run, the first hundred of them."""
    return [row[0] for row in tx.all(_RUNNING)]


def lock(tx: Tx, no: int) -> Any:
    """Take a running task for one chunk; None if it has ended or another process has it."""
    return tx.one(_LOCK, (no,))


def advance(tx: Tx, values: dict[str, object]) -> None:
    """Write where a task is after a chunk."""
    tx.execute(_ADVANCE, values)


def fail(tx: Tx, no: int, error: str, now: int) -> None:
    """End a task that cannot go on."""
    tx.execute(_FAIL, (error, now, no))


def page(tx: Tx, values: dict[str, object], *, ascending: bool) -> list[Any]:
    """Return one page of an instance's tasks in the order they began."""
    return tx.all(_PAGE_UP if ascending else _PAGE_DOWN, values)


def drop(tx: Tx, before: int) -> int:
    """Drop some tasks that ended before a time; returns how many."""
    return tx.run(_DROP, (before,))
