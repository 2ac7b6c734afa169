"""Three type checkers read what applications may and may not write.

A line that must be refused ends in ``# bad:``, then the rules of mypy and of
pyright that it breaks.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.helpers import node

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD = sorted(HERE.glob("good_*.py"))
BAD = sorted(HERE.glob("bad_*.py"))

Rules = dict[tuple[str, int], set[str]]
"""Which rules are broken, by file and line."""


def run(*command: str) -> str:
    done = subprocess.run(
        [*command, *map(str, GOOD + BAD)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def mypy(cache: Path) -> Rules:
    out = run(sys.executable, "-m", "mypy", "--strict", "--no-pretty", f"--cache-dir={cache}")
    found: Rules = defaultdict(set)
    for file, line, rule in re.findall(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$", out, re.MULTILINE):
        found[Path(file).name, int(line)].add(rule)
    return found


def pyright(*command: str) -> Rules:
    report = json.loads(run(*command, "--outputjson", "--pythonpath", sys.executable))
    found: Rules = defaultdict(set)
    for each in report["generalDiagnostics"]:
        at = Path(each["file"]).name, each["range"]["start"]["line"] + 1
        found[at].add(each.get("rule", "syntax"))
    return found


def marked(column: int) -> dict[tuple[str, int], str]:
    return {
        (file.name, number): line.partition("# bad: ")[2].split()[column]
        for file in BAD
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if "# bad: " in line
    }


def agrees(found: Rules, expected: dict[tuple[str, int], str]) -> None:
    assert set(found) == set(expected)
    assert {at: rule for at, rule in expected.items() if rule not in found[at]} == {}


def test_mypy_accepts_and_refuses_what_it_should(request: pytest.FixtureRequest) -> None:
    """Each marked line, and no other, breaks the rule that it says."""
    cache = request.config.rootpath / ".mypy_cache" / "typing"
    agrees(mypy(cache), marked(0))


@pytest.mark.node
def test_pyright_accepts_and_refuses_what_it_should() -> None:
    """Each marked line, and no other, breaks the rule that it says."""
    agrees(pyright(*node.pyright_command()), marked(1))


def test_basedpyright_accepts_and_refuses_what_it_should() -> None:
    """Each marked line, and no other, breaks the rule that it says."""
    agrees(pyright(sys.executable, "-m", "basedpyright"), marked(1))


def test_there_is_something_to_refuse() -> None:
    """The files hold as many marks as this test knows of."""
    assert (len(GOOD), len(BAD), len(marked(0)), len(marked(1))) == (3, 2, 18, 18)
