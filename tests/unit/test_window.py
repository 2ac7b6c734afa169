"""How much of an endpoint's work a worker has in hand."""

from hypothesis import given
from hypothesis import strategies as st

from consignease.domain.delivery import HAND_BYTES, HAND_MOST, HAND_MS, next_window
from consignease.domain.leases import Leased
from consignease.work.gate import PACE_MS, Gate

LIMITS = st.integers(1, 256)


def delivery(cursor: int, size: int = 100) -> Leased:
    return Leased(cursor, 1, "ins_1", None, 0, b"x" * size)


@given(LIMITS, st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**7))
def test_it_is_never_less_than_twice_what_may_be_in_flight_nor_more_than_memory_allows(
    limit: int, ended: int, size: int, elapsed_ms: int
) -> None:
    """Whatever was measured."""
    window = next_window(limit, ended, size, elapsed_ms)
    assert 2 * limit <= window <= max(2 * limit, HAND_MOST)
    if ended and size and window > 2 * limit:
        assert window * size / ended <= HAND_BYTES


@given(st.integers(1, 64), st.integers(1, 300))
def test_it_is_what_ends_within_its_time(limit: int, per_round: int) -> None:
    """As long as bodies are small."""
    window = next_window(limit, per_round, per_round * 1_500, PACE_MS)
    assert window == max(2 * limit, min(HAND_MOST, per_round * HAND_MS // PACE_MS))


def test_a_fast_endpoint_has_more_room_and_a_slow_one_has_it_no_longer() -> None:
    """By what ended lately, large bodies counting for more."""
    gate = Gate(1, 64)
    assert gate.room == 128
    gate.pace(1_000)
    for cursor in range(200):
        assert gate.reserve(fresh=False) == (cursor < 128)
    for cursor in range(128):
        gate.end(delivery(cursor))
    gate.pace(1_000 + PACE_MS - 1)
    assert gate.room == 128
    gate.pace(1_000 + PACE_MS)
    assert gate.room == gate.window == 128 * HAND_MS // PACE_MS
    for cursor in range(128):
        gate.end(delivery(cursor, HAND_BYTES // 200))
    gate.pace(1_000 + 2 * PACE_MS)
    assert 195 <= gate.window <= 200
    gate.pace(1_000 + 3 * PACE_MS)
    assert gate.window == 128


def test_a_claim_waits_until_it_is_worth_its_while() -> None:
    """A quarter of the window; one place is enough where only one request may be in flight."""
    gate = Gate(1, 64)
    while gate.reserve(fresh=False):
        pass
    for cursor in range(31):
        gate.end(delivery(cursor))
        assert not gate.claims
    gate.end(delivery(31))
    assert gate.claims
    lonely = Gate(2, 1)
    lonely.window = 2
    assert lonely.reserve(fresh=False)
    assert lonely.claims


def test_who_writes_the_first_into_the_database_has_what_is_newer_follow_it_there() -> None:
    """Until a claim leaves none; room that comes free meanwhile is for those that wait."""
    gate = Gate(1, 1)
    assert [gate.reserve(fresh=True) for _ in range(4)] == [True, True, False, False]
    gate.end(delivery(0))
    assert not gate.reserve(fresh=True)
    assert gate.reserve(fresh=False)
    gate.end(delivery(1))
    gate.behind = False  # nothing is left
    assert gate.reserve(fresh=True)
    gate.open = False
    gate.end(delivery(2))
    assert not gate.reserve(fresh=True)
    gate.open = True
    assert not gate.reserve(fresh=True), "what was written while it was closed goes first"
