"""The JSON that we write, given to a real JavaScript engine."""

import math
import random
import struct
import subprocess
from collections.abc import Callable, Iterator

import pytest

from consignease.wire.catalogue import CATALOGUE, example, example_body
from consignease.wire.json import JSON, UnstableJSON, canonical, dumps
from tests.helpers.node import node

ROUND_TRIP = """
const lines = require('fs').readFileSync(0, 'utf8').split('\\n');
const changed = lines.filter((line) => JSON.stringify(JSON.parse(line)) !== line);
process.stdout.write(changed.join('\\n'));
"""

pytestmark = pytest.mark.skipif(node() is None, reason="neither PATH nor the wheel has Node.js")

Make = Callable[[random.Random], JSON]


def changed_by_javascript(documents: list[bytes]) -> list[str]:
    done = subprocess.run(
        [str(node()), "-e", ROUND_TRIP],
        input=b"\n".join(documents),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().splitlines()


def some_text(rnd: random.Random) -> str:
    alphabets = [
        "abcXYZ",
        '"\\/\b\f\n\r\t\x00\x1f\x7f',
        "éß中ا\u0301\u200d",
        "😀👩‍👧🇩🇪",
        "\u2028\u2029\ufeff\uffff",
    ]
    return "".join(rnd.choice(rnd.choice(alphabets)) for _ in range(rnd.randrange(9)))


def some_key(rnd: random.Random) -> str:
    indices = ["0", "1", "007", "10", "2", "4294967294", "4294967295", "4294967296", "-1", "1.0"]
    return rnd.choice(indices) if rnd.random() < 0.5 else some_text(rnd)


def some_number(rnd: random.Random) -> float:
    makers: list[Callable[[], float]] = [
        lambda: rnd.randrange(-(2**53) + 1, 2**53),
        lambda: struct.unpack("d", rnd.randbytes(8))[0],
        lambda: rnd.uniform(-10, 10) * 10.0 ** rnd.randrange(-12, 20),
        lambda: round(rnd.uniform(-1000, 1000), rnd.randrange(4)),
        lambda: rnd.choice([0.0, -0.0, 1.0, 1e-6, -1e-6, 1e-7, 5e-324, 1e5, 0.1, 1e15]),
    ]
    return rnd.choice(makers)()


def some_value(rnd: random.Random, depth: int = 0) -> JSON:
    kind = rnd.randrange(4 if depth > 4 else 7)
    if kind == 0:
        return rnd.choice([None, True, False])
    if kind == 1:
        return some_text(rnd)
    if kind < 4:
        return some_number(rnd)
    if kind == 4:
        return [some_value(rnd, depth + 1) for _ in range(rnd.randrange(4))]
    return {some_key(rnd): some_value(rnd, depth + 1) for _ in range(rnd.randrange(6))}


def accepted(rnd: random.Random, make: Make, count: int) -> Iterator[bytes]:
    while count:
        try:
            value = canonical(make(rnd))
        except UnstableJSON:
            continue
        count -= 1
        yield dumps(value)


@pytest.mark.parametrize(("make", "count"), [(some_value, 5_000), (some_number, 60_000)])
def test_no_generated_document_changes_in_javascript(make: Make, count: int) -> None:
    """Thousands of documents, and numbers of every size, come back byte for byte."""
    rnd = random.Random(20260101)
    assert changed_by_javascript(list(accepted(rnd, make, count))) == []


def test_no_number_near_a_change_of_notation_changes_in_javascript() -> None:
    """The doubles next to every power of ten are written as JavaScript writes them."""
    near: list[JSON] = []
    for exponent in range(-324, 16):
        power = float(f"1e{exponent}")
        near += [power, math.nextafter(power, 0), math.nextafter(power, 1), -power]
    assert changed_by_javascript([dumps(canonical(number)) for number in near]) == []


def test_no_example_changes_in_javascript() -> None:
    """All events of the catalogue come back byte for byte."""
    bodies = [example_body(document.type) for document in CATALOGUE.values()]
    assert len(bodies) == 46
    assert changed_by_javascript(bodies) == []


def test_the_check_can_fail() -> None:
    """Documents that the rules would not let through do change."""
    bad = [b"1.0", b"1e-6", b'{"b":1,"2":2}', b'"\\u00e9"', b"[1, 2]", b"9007199254740993"]
    assert changed_by_javascript(bad) == [line.decode() for line in bad]
    assert changed_by_javascript([dumps(example("user.created"))]) == []
