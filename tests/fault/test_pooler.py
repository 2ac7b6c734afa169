"""PgBouncer before PostgreSQL: it works with whole sessions, and is refused in words with less."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from consignease.domain.faults import Unavailable
from consignease.store import leasing, postgres_pooler
from consignease.store.postgres_schema import prepare
from consignease.work import sweep
from tests.helpers.checks import Findings, settle
from tests.helpers.command import run
from tests.helpers.load import Load
from tests.helpers.pooler import Pooler, program
from tests.helpers.postgres import Cluster, programs
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

pytestmark = pytest.mark.skipif(
    programs() is None or program() is None, reason="PostgreSQL or PgBouncer is not installed here"
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    one = Cluster()
    yield one
    one.close()


def test_nothing_is_lost_when_a_pooler_of_sessions_dies_under_load(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers go on by themselves when it is back; all arrives, in order."""
    # What a commit of unknown outcome left leased is taken over sooner than in 30 s.
    monkeypatch.setattr(leasing, "LEASE_MS", 4_000)
    monkeypatch.setattr(sweep, "EVERY_SECONDS", 0.5)
    load = Load(threads=3)
    with Receiver() as receiver, Pooler(cluster, "session", "default_pool_size = 40") as pooler:
        settings = {
            "database_url": pooler.url(cluster.url()),
            "retry_schedule": [0.1, 0.2, 0.5, 1.0, 1.0],
        }
        folder = tmp_path / "data"
        with RunningServer(folder, **settings) as server, RunningServer(folder, **settings):
            client = server.client()
            add_endpoint(client, server.keys().application_id, f"{receiver.url}/hook")
            client.close()
            load.start(server.base_url, server.keys().secret_key)
            load.wait_for_more(50)
            pooler.kill()
            pooler.start()
            load.wait_for_more(50)
            load.stop()
            settle(cluster.url(), 40)
    accepted = [str(one.header("svix-id")) for one in receiver.requests]
    findings = Findings(cluster.url(), accepted)
    findings.check_log()
    findings.check_acknowledged(load.acknowledged)
    findings.check_order()


def test_a_pooler_of_transactions_is_refused_before_anything_is_made(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says what to set; no table is made, and no lock stays behind."""
    monkeypatch.setattr(postgres_pooler, "HEARD_SECONDS", 1)

    async def begin(url: str) -> str:
        with pytest.raises(Unavailable) as refused:
            await prepare(url)
        connection = await asyncpg.connect(cluster.url())
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert await connection.fetchval(locks) == 0
        assert await connection.fetchval("SELECT to_regclass('alembic_version')") is None
        await connection.close()
        return refused.value.detail

    with Pooler(cluster, "transaction") as pooler:
        assert "pool_mode = session" in asyncio.run(begin(pooler.url(cluster.url())))


def test_a_start_says_that_a_pool_is_too_small(tmp_path: Path, cluster: Cluster) -> None:
    """The pooler answers by itself that one is connected, then lets the first statement wait."""
    with Pooler(cluster, "session", "default_pool_size = 1") as pooler:
        url = pooler.url(cluster.url())
        folder = str(tmp_path / "data")
        done = run("dev", "--port", "0", "--data-dir", folder, CONSIGNEASE_DATABASE_URL=url)
    assert done.returncode == 1
    assert "The database cannot be reached." in done.stderr
    assert "is the pool of a pooler too small?" in done.stderr
