"""Lists, the feed and retention walk indexes: no plan reads a whole table, on either database."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from consignease.store import explaining, feed, message_lists, retention
from consignease.store.tx import Tx
from tests.helpers import databases

ROWS = 20_000
_NUMBERS = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
FILL = (
    f"""INSERT INTO message (cursor, instance, app, type, subject, version, at, body, tags)
    {_NUMBERS} SELECT i, 1, CASE WHEN i % 100 = 0 THEN 2 ELSE 1 END, 'user.updated', i, 1, i,
    CAST('{{}}' AS BLOB), '["t"]' FROM n""",
    f"""INSERT INTO message_tag (app, tag, cursor)
    {_NUMBERS} SELECT 2, 't' || (i % 10), i FROM n""",
    f"""INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags)
    {_NUMBERS} SELECT i, i % 50, i, 3, 1, 0 FROM n""",
    f"""INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, error, headers, response,
    connect_us, tls_us, wait_us, total_us)
    {_NUMBERS} SELECT i, i % 50, 1, i, 0, 200, '', x'', x'', 0, 0, 0, 0 FROM n""",
    f"""INSERT INTO endpoint (no, app, id, url, description, version, headers, metadata, ordering,
    disabled, created_at, updated_at)
    {_NUMBERS} SELECT i, i, 'ep_' || i, '', '', 1, '{{}}', '{{}}', 'none', 0, 0, 0 FROM n""",
)
VALUES: dict[str, object] = {
    "app": 2,
    "below": ROWS,
    "above": 0,
    "walk": 10_000,
    "before": ROWS,
    "after": 0,
    "types": None,
    "channel": None,
    "tag": "t1",
    "states": None,
    "good": None,
    "class": None,
    "limit": 51,
    "last": 100,
    "endpoint": 7,
    "at": ROWS,
    "cursor": 500,
    "n": 9,
    "message": 500,
    "only": None,
    "horizon": ROWS,
    "groups": "[]",
}
LISTS = {name: getattr(message_lists, name) for name in (
    "_MESSAGES", "_MESSAGES_OF_TAG", "_OF_ENDPOINT", "_WALKED", "_ATTEMPTS", "_ATTEMPTS_WALKED",
    "_OF_MESSAGE", "_DESTINATIONS",
)}  # fmt: skip
STATEMENTS: dict[str, tuple[str, Any]] = {
    **{name: (sql, VALUES) for name, sql in LISTS.items()},
    **{f"{name} up": (message_lists._UP[sql], VALUES) for name, sql in LISTS.items()},
    "feed": (feed._PAGE, VALUES),
    "feed walked": (feed._WALKED, VALUES),
    "explain": (explaining._ROWS, VALUES | {"endpoint": None}),
    "old bodies": (retention._OLD, (100, 500, 250)),
    "due bodies": (retention._DUE, (5, 250)),
    "codes": (retention._CODES, (500, 250)),
    "removable": (retention._REMOVABLE, (5, 0, 500, 250)),
    "old attempts": (retention._OLD_ATTEMPTS, (0, 300, 250)),
    "deleted users": (retention._DELETED_USERS, (0, ROWS, 250)),
    "erased": (retention._ERASED, (0, 0, 250)),
    "purged": (retention._PURGED, (0, 0, 250)),
    "unsent": (retention._UNSENT, (7, 500, 250)),
    "from the top": (retention._FROM_THE_TOP, (7, 500)),
}
_TABLES = r"(message|delivery|attempt|message_tag|endpoint)"
# On PostgreSQL what is read is a partition; that of the rest is empty.
_WHOLE = re.compile(
    rf"Seq Scan on {_TABLES}(_from_\d+)?(?!\w)|^SCAN {_TABLES}$|^SCAN [tnd](?: |$)", re.MULTILINE
)


def fill(tx: Tx) -> None:
    for statement in FILL:
        tx.execute(statement)


def plan(tx: Tx, sql: str, values: Any) -> str:
    how = "EXPLAIN" if databases.POSTGRES else "EXPLAIN QUERY PLAN"
    rows = tx.all(f"{how} {sql}", values)
    return "\n".join(row[0] if databases.POSTGRES else row[3] for row in rows)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    async def main() -> dict[str, str]:
        store = databases.open_store(tmp_path_factory.mktemp("walks"))
        try:
            await store.write(fill)
            await store.write(lambda tx: tx.execute("ANALYZE"))
            return {
                name: await store.read(plan, sql, values)
                for name, (sql, values) in STATEMENTS.items()
            }
        finally:
            store.close()

    return asyncio.run(main())


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_page_walks_an_index(plans: dict[str, str], name: str) -> None:
    """Whatever the filter: what is read is a range of an index."""
    found = _WHOLE.search(plans[name])
    assert found is None, plans[name]


def test_a_plan_that_reads_a_whole_table_would_be_seen(tmp_path: Path) -> None:
    """The check itself can fail."""

    async def main() -> str:
        store = databases.open_store(tmp_path)
        try:
            await store.write(fill)
            return await store.read(plan, "SELECT cursor FROM message WHERE version = ?", (1,))
        finally:
            store.close()

    assert _WHOLE.search(asyncio.run(main())) is not None
