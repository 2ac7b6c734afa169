"""The documentation: current, complete, and its code runs."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from consignease.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FACADES = ("webhooks", "fastapi", "starlette", "flask", "django")
FROZEN = ROOT / "tests" / "fixtures" / "public-names.txt"


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("docs_generator", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(language: str) -> list[Any]:
    """Every code block in a language, with where it stands."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)):
            found.append(pytest.param(code, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("name", sorted(generator().PAGES))
def test_pages_written_from_the_code_are_current(name: str) -> None:
    """A command, setting or event that is not documented fails here: run scripts/docs.py."""
    assert generator().PAGES[name]() == (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("code", blocks("python"))
def test_python_in_the_documentation_runs(code: str) -> None:
    """Every Python block is executed."""
    ast.parse(code)
    exec(compile(code, "<documentation>", "exec"), {"__name__": "documentation"})


@pytest.mark.parametrize("code", blocks("console"))
def test_commands_in_the_documentation_exist(code: str) -> None:
    """Every consignease command that is shown exists, with the options that are shown."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in re.findall(r"^\$ (.+)$", code, re.MULTILINE):
        words = line.split(" >")[0].split()
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile
        if words[0] != "consignease":
            continue
        path = words[1 : 3 if words[1] in {"admin", "endpoints", "keys", "tasks", "users"} else 2]
        shown = CliRunner().invoke(cli, [*path, "--help"])
        assert shown.exit_code == 0, (line, shown.output)
        for option in re.findall(r"--[a-z-]+", line):
            assert option in shown.output, line


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link names a file that is there."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_public_names_are_frozen() -> None:
    """What an application may import changes on purpose only."""
    names = [
        f"consignease.{facade}.{name}"
        for facade in FACADES
        for name in sorted(importlib.import_module(f"consignease.{facade}").__all__)
    ]
    assert names == FROZEN.read_text(encoding="utf-8").split()


def test_every_scope_and_capability_is_documented() -> None:
    """docs/keys.md names each."""
    from consignease.domain.access import CAPABILITIES, SCOPES

    text = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert [name for name in (*SCOPES, *CAPABILITIES) if f"| `{name}` |" not in text] == []


def test_every_verification_reason_is_documented() -> None:
    """docs/verify.md names each reason code."""
    from typing import get_args

    from consignease.wire.explain import Reason

    text = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in text] == []
