"""The base install: msgspec and click, and nothing of the server."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.helpers.deliveries import BODY, SECRET, delivery

ROOT = Path(__file__).parents[2]
ALONE = textwrap.dedent("""
    import sys

    class OnlyTheBase:
        def find_spec(self, name, path=None, target=None):
            root = name.partition(".")[0]
            if root in sys.stdlib_module_names or root in {"consignease", "msgspec", "click"}:
                return None
            raise ModuleNotFoundError(f"No module named {name!r}", name=root)

    sys.meta_path.insert(0, OnlyTheBase())
""")
HEAVY = {
    "sqlalchemy",
    "starlette",
    "pycurl",
    "uvicorn",
    "cryptography",
    "argon2",
    "alembic",
    "rich",
}


def alone(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that can import the base install only."""
    command = [sys.executable, "-W", "error", "-c", ALONE + textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def request_file(folder: Path) -> str:
    """Save a fresh delivery."""
    path = folder / "saved.json"
    document = {"headers": delivery(at=int(time.time())), "body": BODY.decode()}
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def test_nothing_heavy_is_loaded() -> None:
    """Importing the package and the receiving library loads no server library."""
    code = "import consignease, consignease.webhooks, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()}.isdisjoint(HEAVY)
    bare = [sys.executable, "-c", "import consignease, sys; print(*sys.modules)"]
    done = subprocess.run(bare, capture_output=True, text=True, timeout=60, check=True)
    assert "msgspec" not in done.stdout.split()


def test_verification_needs_only_the_base(tmp_path: Path) -> None:
    """Library and command verify a delivery without any extra."""
    code = """
        import json
        from consignease.webhooks import verify_webhook
        saved = json.load(open(sys.argv[1], encoding="utf-8"))
        print(verify_webhook(saved["body"], saved["headers"], secret=sys.argv[2]).type)
    """
    library = alone(code, request_file(tmp_path), SECRET)
    assert (library.stdout, library.returncode) == ("user.deleted\n", 0), library.stderr
    command = "from consignease.cli.main import main; main()"
    verified = alone(command, "verify", "--secret", SECRET, "--request", request_file(tmp_path))
    assert verified.returncode == 0, verified.stderr
    assert "user.deleted" in verified.stdout


def test_help_lists_every_command_without_loading_any() -> None:
    """The list comes from the table."""
    code = """
        from consignease.cli.main import COMMANDS, cli
        cli(["--help"], standalone_mode=False)
        loaded = [name for name in sys.modules if name.startswith("consignease.")]
        assert loaded == ["consignease.cli", "consignease.cli.main"], loaded
        print(*COMMANDS)
    """
    done = alone(code)
    assert done.returncode == 0, done.stderr
    *shown, names = done.stdout.splitlines()
    for name in names.split():
        assert any(line.startswith(f"  {name} ") for line in shown)


def test_a_missing_extra_names_its_remedy() -> None:
    """A command whose packages are absent says in one line how to install them."""
    code = """
        import types, click
        broken = types.ModuleType("consignease.cli.dev")
        @click.command()
        def dev():
            import sqlalchemy
        broken.dev = dev
        sys.modules["consignease.cli.dev"] = broken
        from consignease.cli.main import main
        main()
    """
    done = alone(code, "dev")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'pip install "consignease[server]"' in done.stderr


def test_unknown_command() -> None:
    """A command that does not exist is a wrong call."""
    done = alone("from consignease.cli.main import main; main()", "nonsense")
    assert done.returncode == 2
    assert "No such command" in done.stderr


@pytest.mark.slow
def test_a_real_environment(tmp_path: Path) -> None:
    """A wheel built from this tree and installed alone verifies and prints its help."""
    python = tmp_path / "venv" / "bin" / "python"

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
        )
        return done.stdout

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", ROOT)
    installed = {line.partition("==")[0] for line in run(python, "-m", "pip", "freeze").split()}
    assert {"click", "msgspec"} <= installed
    assert installed.isdisjoint(HEAVY)
    script = python.parent / "consignease"
    assert "verify" in run(script, "--help")
    assert "Valid" in run(script, "verify", "--secret", SECRET, "--request", request_file(tmp_path))
