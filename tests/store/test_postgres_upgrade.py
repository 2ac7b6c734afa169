"""PostgreSQL: databases of earlier schemas are upgraded while those who use them go on."""

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.util import CommandError

from consignease.app.publish import publish
from consignease.domain.events import NewEvent
from consignease.domain.faults import Unavailable
from consignease.store import postgres_upgrade
from consignease.store.database import HEAD
from consignease.store.postgres_schema import prepare
from consignease.store.postgres_session import connect
from consignease.store.tx import Tx
from tests.helpers import databases
from tests.helpers.engine import Engine
from tests.helpers.postgres import programs

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed here")

FIRST = Path(__file__).parents[1] / "fixtures" / "schema-0005-postgresql.sql"
"""The first schema that PostgreSQL had."""

TABLES = """
SELECT c.relname, c.relkind::text, pg_get_partkeydef(c.oid), a.attname,
  format_type(a.atttypid, a.atttypmod), l.collname, a.attnotnull, a.attidentity::text,
  pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
INDEXES = """
SELECT t.relname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisprimary
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
"""


def run(test: Coroutine[Any, Any, None]) -> None:
    databases.cluster()
    asyncio.run(test)


async def schema(url: str) -> set[Any]:
    """Everything that makes a schema, in no order."""
    connection = await asyncpg.connect(url)
    found = {tuple(row) for sql in (TABLES, INDEXES) for row in await connection.fetch(sql)}
    await connection.close()
    return found


async def first_schema() -> str:
    """Make a database as the first release with PostgreSQL did."""
    url = await databases.cluster().new()
    connection = await asyncpg.connect(url)
    await connection.execute(FIRST.read_text(encoding="utf-8"))
    await connection.close()
    return url


class Traffic:
    """What the first release sends: messages, deliveries, attempts, and reads of them."""

    LOCK = "SELECT pg_advisory_xact_lock_shared((1::bigint << 62) + last_value) FROM log_cursor"
    MESSAGE = """INSERT INTO message (cursor, instance, app, type, subject, version, at, body)
    VALUES ($1, 1, 1, 'user.updated', 7, 1, 1700000000000, '{}')"""
    DELIVERY = """INSERT INTO delivery (cursor, endpoint, subject, state, tries, flags, due_at)
    VALUES ($1, 1, 7, 1, 0, 0, 1)"""
    CLAIM = """SELECT d.*, m.body FROM delivery d JOIN message m ON m.cursor = d.cursor
    WHERE d.endpoint = 1 AND d.state < 2 ORDER BY d.due_at, d.cursor LIMIT 5
    FOR UPDATE OF d SKIP LOCKED"""
    SUCCEED = "UPDATE delivery SET state = 3 WHERE cursor = $1 AND endpoint = 1"
    ATTEMPT = """INSERT INTO attempt (cursor, endpoint, n, at, trigger, status, error, headers,
    response, connect_us, tls_us, wait_us, total_us)
    VALUES ($1, 1, 1, 1, 0, 200, '', '', '', 0, 0, 0, 0) ON CONFLICT DO NOTHING"""
    TRIES = 5

    def __init__(self, url: str) -> None:
        self.url = url
        self.stop = asyncio.Event()
        self.published: list[int] = []
        self.delivered: list[int] = []

    async def run(self) -> None:
        """Publish and deliver until told to stop."""
        connection = await connect(self.url, lock_timeout="250ms")
        prepared: dict[str, Any] = {}

        async def send(sql: str, *values: Any) -> list[Any]:
            if sql not in prepared:
                prepared[sql] = await connection.prepare(sql)
            return await prepared[sql].fetch(*values)

        async def publish() -> None:
            await send(self.LOCK)
            cursor = (await send("SELECT nextval('log_cursor')"))[0][0]
            await send(self.MESSAGE, cursor)
            await send(self.DELIVERY, cursor)
            self.published.append(cursor)

        async def deliver() -> None:
            for row in await send(self.CLAIM):
                await send(self.SUCCEED, row["cursor"])
                await send(self.ATTEMPT, row["cursor"])
                self.delivered.append(row["cursor"])

        try:
            while not self.stop.is_set():
                for unit in (publish, deliver):
                    before = len(self.published), len(self.delivered)
                    for left in reversed(range(self.TRIES)):
                        try:
                            async with connection.transaction():
                                await unit()
                            break
                        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                            assert left, "nobody is held up for that long"
                            del self.published[before[0] :], self.delivered[before[1] :]
        finally:
            await connection.close()


def test_the_first_schema_is_upgraded_while_the_first_release_serves() -> None:
    """Its statements go on without a refusal, every row is kept, the schema is as if new."""

    async def test() -> None:
        url = await first_schema()
        many = [Traffic(url) for _ in range(4)]
        running = [asyncio.create_task(one.run()) for one in many]
        while sum(len(one.delivered) for one in many) < 200:
            await asyncio.sleep(0.01)
        # Two new processes start at once: one upgrades, the other waits for it.
        await asyncio.gather(prepare(url), prepare(url))
        wanted = sum(len(one.delivered) for one in many) + 100
        while sum(len(one.delivered) for one in many) < wanted:
            assert not any(task.done() for task in running), running
            await asyncio.sleep(0.01)
        for one in many:
            one.stop.set()
        await asyncio.gather(*running)
        connection = await asyncpg.connect(url)
        published = sorted(cursor for one in many for cursor in one.published)
        delivered = sorted(cursor for one in many for cursor in one.delivered)
        for sql, expected in (
            ("SELECT cursor FROM message ORDER BY 1", published),
            ("SELECT cursor FROM delivery WHERE state = 3 ORDER BY 1", delivered),
            ("SELECT cursor FROM attempt ORDER BY 1", delivered),
        ):
            assert [row[0] for row in await connection.fetch(sql)] == expected
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == HEAD
        await connection.close()
        new = await databases.new_database()
        assert await schema(url) == await schema(new)

    run(test())


SIMPLE = '''
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    """Apply it."""
    op.add_column("message", sa.Column("extra", sa.Integer(), nullable=False, server_default="7"))
    op.add_column("endpoint", sa.Column("note", sa.Text(), nullable=True))
    op.create_table(
        "thing",
        sa.Column("no", sa.Integer(), primary_key=True),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sqlite_strict=True,
    )
    op.create_index("thing_instance", "thing", ["instance"])
    op.create_index("message_by_app", "message", ["app", "cursor"])
    op.create_index("delivery_x", "delivery", ["started_at"], sqlite_where=sa.text("state = 4"))
    with op.batch_alter_table("endpoint") as batch:
        batch.add_column(sa.Column("more", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("attempt_newest", "attempt")
    op.execute("UPDATE endpoint SET note = 'filled'")
'''


@pytest.fixture
def more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations with one more, as somebody writes it for SQLite."""
    copy = tmp_path / "migrations"
    shutil.copytree(postgres_upgrade.MIGRATIONS, copy)
    file = copy / "versions" / "m9001_simple.py"
    file.write_text(SIMPLE.format(head=HEAD))
    monkeypatch.setattr(postgres_upgrade, "MIGRATIONS", copy)
    return file


def test_simple_operations_written_for_sqlite_run_beside_a_running_store(
    more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns, tables and indexes come while units run whose statements are prepared."""

    async def body(engine: Engine) -> None:
        stop = asyncio.Event()
        event = NewEvent(type="user.updated", object_id="user_a", subject="user_a", data=b"{}")

        def unit(tx: Tx) -> None:
            publish(tx, engine.instance, event, engine.now)
            tx.all("SELECT * FROM message ORDER BY cursor LIMIT 3")
            tx.all("SELECT * FROM endpoint")

        async def work() -> int:
            count = 0
            while not stop.is_set():
                await engine.store.write(unit)
                await engine.store.read(lambda tx: tx.all("SELECT * FROM endpoint"))
                count += 1
            return count

        workers = [asyncio.create_task(work()) for _ in range(6)]
        url = engine.store.store.url
        await postgres_upgrade.upgrade(url, "9001")
        await asyncio.sleep(0)
        stop.set()
        done = sum(await asyncio.gather(*workers))
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT count(*) FROM message WHERE extra = 7") == done
        assert await connection.fetchval("SELECT note FROM endpoint") == "filled"
        await connection.execute("INSERT INTO thing (instance, name) VALUES (1, 'a'), (1, 'b')")
        assert await connection.fetchval("SELECT max(no) FROM thing") == 2
        await connection.close()
        made = await schema(url)
        indexes = {row[1]: row[2] for row in made if len(row) == 4}
        assert all(indexes.values()), "an index is not valid"
        for text in ("message_by_app ON ONLY public.message", "thing_instance ON public.thing"):
            assert any(text in one for one in indexes)
        (partial,) = [one for one in indexes if "delivery_x" in one]
        assert partial.endswith("WHERE (state = 4)")
        assert not any("attempt_newest" in one for one in indexes)
        columns = {(row[0], row[3]): row[4:] for row in made if len(row) == 9}
        assert columns["thing", "no"] == ("bigint", None, True, "d", None)
        assert columns["thing", "name"] == ("text", "C", True, "", None)
        assert columns["message", "extra"] == ("bigint", None, True, "", "'7'::bigint")
        # Once more, as after a run that was cut short before it was noted: nothing is in the way.
        connection = await asyncpg.connect(url)
        await connection.execute("UPDATE alembic_version SET version_num = $1", HEAD)
        await connection.close()
        await postgres_upgrade.upgrade(url, "9001")
        assert await schema(url) == made

    monkeypatch.setattr(databases, "POSTGRES", True)

    async def test() -> None:
        engine = Engine(Path())
        try:
            await engine.open()
            await body(engine)
        finally:
            engine.store.close()

    run(test())


def test_an_index_that_was_left_half_built_is_built_again(more: Path) -> None:
    """An index build that was cut short leaves an index that is no good: it is replaced."""
    more.write_text(
        f'from alembic import op\nrevision = "9001"\ndown_revision = "{HEAD}"\n'
        'def upgrade():\n    op.create_index("counter_value", "counter", ["value"])\n'
    )

    async def test() -> None:
        url = await databases.new_database()
        connection = await asyncpg.connect(url)
        sql = "CREATE UNIQUE INDEX CONCURRENTLY counter_value ON counter (value)"
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(sql)  # 'cursor' and 'clock' are both 0
        await postgres_upgrade.upgrade(url, "9001")
        sql = "SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = $1::regclass"
        assert tuple(await connection.fetchrow(sql, "counter_value")) == (True, False)
        await connection.close()

    run(test())


def test_a_database_of_a_newer_release_is_refused_on_postgresql() -> None:
    """We do not touch what we do not understand, and say so."""

    async def test() -> None:
        url = await databases.new_database()
        connection = await asyncpg.connect(url)
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()
        with pytest.raises(Unavailable, match="newer release"):
            await prepare(url)
        with pytest.raises(CommandError):
            await postgres_upgrade.upgrade(url, HEAD)

    run(test())
