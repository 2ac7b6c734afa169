from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ksuid import Ksuid

from consignease.wire.ids import EPOCH, decode20, encode20, is_id, new_id

RAW = st.binary(min_size=20, max_size=20)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@given(RAW)
def test_text_reads_back_as_the_same_bytes(raw: bytes) -> None:
    """Encoding loses nothing and always takes 27 base62 characters."""
    text = encode20(raw)
    assert decode20(text) == raw
    assert len(text) == 27
    assert set(text) <= set(ALPHABET)


@given(RAW, RAW)
def test_text_sorts_as_the_bytes_do(left: bytes, right: bytes) -> None:
    """Identifiers can be compared as text."""
    assert (encode20(left) < encode20(right)) == (left < right)


@given(RAW)
def test_text_equals_that_of_the_ksuid_package(raw: bytes) -> None:
    """An independent implementation writes the same."""
    assert encode20(raw) == str(Ksuid.from_bytes(raw))


@given(st.lists(st.integers(EPOCH, EPOCH + 2**32 - 1), min_size=2, max_size=20))
def test_identifiers_sort_by_the_second_they_were_made_in(seconds: list[int]) -> None:
    """A later second gives a greater identifier, whatever the random part."""
    made = [(second, new_id("user", second)) for second in sorted(seconds)]
    assert all(a[1] < b[1] for a, b in pairwise(made) if a[0] < b[0])


def test_time_and_entropy_decide_the_identifier() -> None:
    """The same arguments give the same identifier; the time can be read back."""
    first = new_id("user", 1_700_000_000, b"x" * 16)
    assert first == new_id("user", 1_700_000_000, b"x" * 16)
    raw = decode20(first.removeprefix("user_"))
    assert int.from_bytes(raw[:4]) + EPOCH == 1_700_000_000
    assert raw[4:] == b"x" * 16


def test_fresh_identifiers_differ() -> None:
    """Ten thousand made at once are ten thousand different ones."""
    assert len({new_id("msg") for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("prefix", ["user", "csub_item", "orgmem"])
def test_an_identifier_is_recognised_by_its_prefix(prefix: str) -> None:
    """Prefixes may hold an underscore; another prefix or a wrong tail is refused."""
    made = new_id(prefix)
    assert is_id(made, prefix)
    assert not is_id(made, "ep")
    assert not is_id(made[:-1], prefix)
    assert not is_id(made[:-1] + "-", prefix)
    assert not is_id(f"{prefix}_{'z' * 27}", prefix)


@pytest.mark.parametrize("text", ["", "0" * 26, "0" * 28, "0" * 26 + "é", "z" * 27])
def test_text_that_is_no_identifier_is_refused(text: str) -> None:
    """Wrong lengths, foreign characters and numbers beyond 20 bytes raise ValueError."""
    with pytest.raises(ValueError, match=r"identifier|base62"):
        _ = decode20(text)


@pytest.mark.parametrize("raw", [b"", b"x" * 19, b"x" * 21])
def test_other_than_twenty_bytes_are_refused(raw: bytes) -> None:
    """Only 20 bytes can be written."""
    with pytest.raises(ValueError, match="20 bytes"):
        _ = encode20(raw)
