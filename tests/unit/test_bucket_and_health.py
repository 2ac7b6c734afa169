"""The rules of rate limits and of endpoints that fail for too long."""

from hypothesis import given
from hypothesis import strategies as st

from consignease.domain import bucket, health

SPAN = 5 * health.DAY_MS


@given(
    rate=st.integers(1, 5_000),
    asks=st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 200)), max_size=200),
    window=st.floats(0.05, 2.0),
)
def test_no_window_holds_more_than_the_bucket_allows(
    rate: int, asks: list[tuple[int, int]], window: float
) -> None:
    """Whenever and however much is asked for."""
    now, full_at, went = 1_000_000_000, None, []
    for wait, wanted in asks:
        now += wait
        count = min(wanted, bucket.available(rate, full_at, now))
        full_at = bucket.spend(rate, full_at, now, count)
        went += [now] * count
    for index, start in enumerate(went):
        inside = sum(at - start < window * 1_000_000 for at in went[index:])
        assert inside <= bucket.most(rate, window)


@given(rate=st.integers(1, 5_000), late=st.integers(0, bucket.LATE_US - 1))
def test_timers_that_are_late_lose_nothing(rate: int, late: int) -> None:
    """Asked a little after the bucket is full each time, the rate is reached all the same."""
    start = now = 1_000_000_000
    full_at, count = None, 0
    for _ in range(200):
        free = bucket.available(rate, full_at, now)
        full_at = bucket.spend(rate, full_at, now, free)
        count += free
        now = max(now, full_at) + late
    elapsed = (now - start) / 1_000_000
    assert count >= rate * elapsed * 0.995 - bucket.most(rate, 0.1)


def test_an_endpoint_that_only_fails_is_disabled_after_the_span() -> None:
    """The clock starts at the first failure since the last success."""
    first = health.failed(None, None, 1_000, SPAN)
    assert first == (1_000, False)
    assert health.failed(1_000, SPAN, SPAN + 999, SPAN) == (1_000, False)
    assert health.failed(1_000, SPAN, SPAN + 1_000, SPAN) == (1_000, True)
    assert health.failed(1_000, SPAN, SPAN + 1_000, 0) == (1_000, False)


def test_failures_far_apart_are_not_one_failure() -> None:
    """A gap longer than the span starts the clock anew."""
    assert health.failed(1_000, 2_000, 2_001 + SPAN, SPAN) == (2_001 + SPAN, False)
