"""The limits on signing in: what they let through, for how long they make wait, what they forget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.domain import tries
from consignease.domain.tries import ACCOUNT, ADDRESS, Limit, Tries

START = 1_700_000_000_000
GAPS = st.lists(st.integers(0, 40 * 60_000), max_size=120)


def let_through(limit: Limit, gaps: list[int]) -> list[int]:
    """Try after each gap and return when tries were let through; checks every wait on the way."""
    state, now, passed = Tries(0, START), START, []
    for gap in gaps:
        now += gap
        after, wait = limit.taken(state, now)
        if wait:
            assert after == state
            assert wait > 0
            # What was named holds: one moment before is too soon, that moment is not.
            assert limit.taken(state, now + wait - 1)[1] == 1
            assert limit.taken(state, now + wait)[1] == 0
        else:
            passed.append(now)
            state = after
            assert limit.ends(state) > now
    return passed


@given(GAPS)
def test_an_address_gets_so_many_at_once_and_then_a_steady_trickle(gaps: list[int]) -> None:
    """In any stretch of time no more than the bucket and what flowed into it."""
    passed = let_through(ADDRESS, gaps)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = ADDRESS.tries + (passed[last] - passed[first]) // ADDRESS.every_ms + 1
            assert last - first + 1 <= most


@given(GAPS)
def test_an_account_waits_longer_and_longer_but_never_for_ever(gaps: list[int]) -> None:
    """Eight are free; then each waits twice as long, up to a quarter of an hour."""
    passed = let_through(ACCOUNT, gaps)
    run = 0
    for before, now in zip([START, *passed], passed, strict=False):
        if now - before >= ACCOUNT.forget_ms:
            run = 0
        if run >= ACCOUNT.free:
            assert now - before >= min(ACCOUNT.longest_ms, ACCOUNT.first_ms << (run - ACCOUNT.free))
        run += 1
    _, wait = ACCOUNT.taken(Tries(10_000, START), START)
    assert wait == ACCOUNT.longest_ms == 15 * 60_000


def test_a_day_of_guessing_gives_few_guesses() -> None:
    """Whoever tries without a pause gets about a hundred tries at an account, not thousands."""
    state, now, count = Tries(0, START), START, 0
    while now < START + 24 * 3_600_000:
        after, wait = ACCOUNT.taken(state, now)
        if wait:
            now += wait
        else:
            state, count = after, count + 1
    assert 100 <= count <= 110


def test_what_has_ended_says_nothing() -> None:
    """A row that is dropped when it has ended changes no answer."""
    for limit in (ADDRESS, ACCOUNT):
        state = Tries(0, START)
        for _ in range(30):
            state, _ = limit.taken(state, START)
        end = limit.ends(state)
        assert limit.taken(state, end) == limit.taken(Tries(0, end), end)
        assert limit.taken(state, end - 1) != limit.taken(Tries(0, end - 1), end - 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
        ("unix:", "203.0.113.7", False),
    ],
)
def test_addresses_are_counted_by_who_holds_them(one: str, other: str, same: bool) -> None:
    """IPv4 by the address, also where it is mapped; IPv6 by the network of one subscriber."""
    assert (tries.by_address(one) == tries.by_address(other)) is same


def test_what_was_typed_is_not_kept() -> None:
    """The key of an account does not hold what somebody may have typed into the wrong field."""
    assert "hunter2" not in tries.by_account("hunter2").name
