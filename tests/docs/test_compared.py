"""docs/compared.md: what it names as proof is there, and what is not there it says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compared.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]


def test_each_of_the_fifteen_gaps_has_its_row() -> None:
    """Numbered from 1, none twice."""
    assert [row.split("|")[1].strip() for row in ROWS if re.match(r"\| \d", row)] == [
        str(number) for number in range(1, 16)
    ]


def test_every_proof_is_a_test_that_is_there_or_said_to_be_missing() -> None:
    """A row names at least one file of tests, or says "not yet"; every file that is named exists."""
    rows = [row for row in ROWS if not row.endswith("| proof |")]
    assert len(rows) > 15
    for row in rows:
        proof = row.rstrip("|").rpartition("|")[2]
        named = re.findall(r"`(tests/[^`]+)`", proof)
        assert named or "not yet" in proof, row
        assert [name for name in named if not (ROOT / name).is_file()] == []
