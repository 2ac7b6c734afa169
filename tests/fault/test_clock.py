"""The wall clock is an hour wrong, and right again: retries go on, everything arrives."""

import time
from pathlib import Path

import pytest

from tests.helpers.badday import (
    Judge,
    begin,
    database,
    health,
    nothing_is_lost,
    until,
    watch_over,
)
from tests.helpers.server import RunningServer

HOUR = 3_600.0


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_clock_that_steps_an_hour_neither_fires_nor_delays_a_retry(
    tmp_path: Path, step: float
) -> None:
    """Receivers refuse the signatures meanwhile; retries keep their pace; all arrive after."""
    away = [0.0]
    # More tries than the test lasts, and none that is an hour off.
    settings = {"retry_schedule": [0.2] * 100}
    wall = lambda: time.time() + away[0]  # noqa: E731 - a clock
    with RunningServer(tmp_path / "data", wall=wall, **settings) as server, Judge() as judge:
        watch_over(server, judge)
        load = begin(server, threads=2)
        until(lambda: len(load.acknowledged) > 30)
        accepted = len(judge.accepted)
        assert accepted
        away[0] = step
        until(lambda: judge.refused > 20)
        status, said = health(server.base_url)
        assert (status, said["status"]) == (200, "degraded")
        assert ("ahead" if step > 0 else "behind") in said["clock"]
        load.stop()
        # No new events: what comes now are retries. Stepped ahead, all that are due in the next
        # hour would fire at once; stepped back, none would for an hour.
        before, began = judge.refused, time.monotonic()
        until(lambda: judge.refused > before + 3)
        open_rows = server.read(lambda tx: tx.one("SELECT count(*) FROM delivery WHERE state < 3"))
        most = (1 + open_rows[0]) * (2 + (time.monotonic() - began) / 0.15)
        assert judge.refused - before <= most
        away[0] = 0.0
        until(lambda: health(server.base_url)[1]["clock"] == "ok")
        findings = nothing_is_lost(database(server), judge, load)
        assert findings.duplicates == 0
