import json as stdlib_json
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.wire.json import (
    JSON,
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    Metadata,
    UnstableJSON,
    canonical,
    canonical_object,
    dumps,
    loads,
)

SAFE = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
NUMBERS = SAFE | st.floats(-1e15, 1e15) | st.floats(1e-7, 1e-4)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = TEXT.filter(lambda key: key != "__proto__") | st.integers(0, 2**33).map(str)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS.filter(lambda key: key != "constructor"), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_the_canonical_form_is_the_same_data(value: JSON) -> None:
    """Nothing is lost or changed but the order of keys and the look of numbers."""
    assert canonical(value) == value


@given(VALUES)
def test_a_second_pass_changes_nothing(value: JSON) -> None:
    """The bytes stay the same when they are read and made canonical again."""
    once = dumps(canonical(value))
    assert dumps(canonical(loads(once))) == once
    assert dumps(loads(once)) == once


@given(VALUES)
def test_other_readers_agree(value: JSON) -> None:
    """The standard library reads the bytes as the same data."""
    assert stdlib_json.loads(dumps(canonical(value))) == value


def test_keys_that_look_like_indices_go_first_in_ascending_order() -> None:
    """Only canonical array indices up to 2**32 - 2 move; the others keep their order."""
    keys = ["b", "10", "01", "2", "4294967295", "-1", "a", "0", "4294967294", "1.5", "٣"]
    value: Metadata = dict.fromkeys(keys)
    assert list(canonical_object(value)) == (
        ["0", "2", "10", "4294967294", "b", "01", "4294967295", "-1", "a", "1.5", "٣"]
    )


def test_whole_floats_become_integers_at_every_depth() -> None:
    """1.0 is written 1, and minus zero is zero."""
    assert (
        dumps(canonical({"a": [1.0, -0.0, {"b": 1e15}]})) == b'{"a":[1,0,{"b":1000000000000000}]}'
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-6, b"0.000001"),
        (-1.5e-6, b"-0.0000015"),
        (9.999999999999999e-6, b"0.000009999999999999999"),
        (1e-7, b"1e-7"),
        (2.5e-60, b"2.5e-60"),
        (1e-5, b"0.00001"),
        (5e-324, b"5e-324"),
        (0.1, b"0.1"),
    ],
)
def test_small_numbers_are_written_as_in_javascript(number: float, text: bytes) -> None:
    """ECMA-262 Number::toString uses an exponent only below 1e-6."""
    assert dumps(number) == text
    assert dumps([number, number]) == b"[" + text + b"," + text + b"]"


def test_text_that_looks_like_a_small_number_is_left_alone() -> None:
    """Only numbers are rewritten, not what stands in strings, with or without quotes in them."""
    value: JSON = {"1e-6": '"1e-6,', "\\": "2e-6", "n": 3e-6, "z": "\\"}
    assert loads(dumps(value)) == value
    assert dumps(value) == b'{"1e-6":"\\"1e-6,","\\\\":"2e-6","n":0.000003,"z":"\\\\"}'


def test_characters_are_written_raw_but_for_those_json_forbids() -> None:
    """UTF-8, short escapes where there are any, lower-case hexadecimal where not."""
    text = '\x00\b\t\n\f\r\x1f"\\/\x7fé\u2028\u2029\ufeff😀'
    assert dumps(text) == (
        b'"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f' + "é\u2028\u2029\ufeff😀".encode() + b'"'
    )


def nested(levels: int) -> JSON:
    value: JSON = 0
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


class NotJSON:
    """Something that JSON has no form for."""


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": {"b": [0, float("nan")]}}, "$.a.b[1]", "finite"),
        ([float("inf")], "$[0]", "finite"),
        ({"n": 2**53}, "$.n", "whole number"),
        ({"n": -(2**53)}, "$.n", "whole number"),
        ({"n": 1e300}, "$.n", "whole number"),
        ({"s": "\ud800"}, "$.s", "surrogate"),
        ({"s": "\ude00\ud83d"}, "$.s", "surrogate"),
        ({"a": {"\udfff": 1}}, "$.a", "surrogate"),
        ({"a": [{"__proto__": 1}]}, "$.a[0]", "__proto__"),
        ({"constructor": {"prototype": {}}}, "$", "constructor.prototype"),
        ({"a": NotJSON()}, "$.a", "NotJSON"),
        ({"a": {1: 2}}, "$.a", "key"),
        ({"a": (1, 2)}, "$.a", "tuple"),
    ],
)
def test_what_would_change_on_the_way_is_refused(value: object, path: str, reason: str) -> None:
    """The error is a ValueError that says what is wrong, and where."""
    with pytest.raises(UnstableJSON, match=reason) as caught:
        _ = canonical(cast("JSON", value))
    assert caught.value.path == path
    assert reason in caught.value.reason
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "value",
    [
        {"constructor": "prototype"},
        {"constructor": {"proto": 1}},
        {"prototype": {"constructor": 1}},
        {"x": "__proto__"},
        {"n": MAX_SAFE_INTEGER, "m": -MAX_SAFE_INTEGER},
        nested(MAX_DEPTH),
    ],
)
def test_what_only_looks_dangerous_is_accepted(value: JSON) -> None:
    """The rules refuse no more than they must."""
    assert canonical(value) == value


def test_one_level_too_many_is_refused() -> None:
    """100 levels pass, 101 do not, as an object and as a part of one."""
    with pytest.raises(UnstableJSON, match="100 levels"):
        _ = canonical(nested(MAX_DEPTH + 1))
    with pytest.raises(UnstableJSON, match="100 levels"):
        _ = canonical_object({"k": nested(MAX_DEPTH)})


@pytest.mark.parametrize("data", [b"", b"{", b"nul", b"\xff", b'"\\ud800"', b"[" * 100_000])
def test_bad_json_raises_one_kind_of_error(data: bytes) -> None:
    """Neither bad UTF-8 nor absurd nesting escapes as something else."""
    with pytest.raises(msgspec.DecodeError):
        _ = loads(data)
