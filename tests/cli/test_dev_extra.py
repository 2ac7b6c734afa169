"""The agent's side installs without the server: consignease[dev]."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

_BLOCKED = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{top!r}}", name=top)
sys.meta_path.insert(0, Refuse())
from consignease.cli.main import cli
cli({args!r}, prog_name="consignease")
"""
SERVER = {
    *("alembic", "argon2", "bcrypt", "cryptography", "email_validator", "httptools", "jinja2"),
    *("pycurl", "python_multipart", "sqlalchemy", "starlette", "structlog", "uvicorn", "uvloop"),
}


def test_the_agent_needs_no_server_library() -> None:
    """Its commands load with every package of the server extra out of reach."""
    for command in ("listen", "tunnel", "trigger"):
        code = _BLOCKED.format(blocked=SERVER, args=[command, "--help"])
        command_line = [sys.executable, "-c", code]
        done = subprocess.run(command_line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Usage: consignease" in done.stdout


def test_the_dev_extra_is_small() -> None:
    """What it adds to the base install is named here, so that it does not grow unseen."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert [name.partition(">")[0] for name in names] == ["click", "msgspec", "idna"]
