"""What the usual design is made of, in an environment of its own: build/usual."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
VENV = ROOT / "build" / "usual"
LOCK = Path(__file__).with_name("requirements.txt")


def environment() -> Path:
    """Install what requirements.txt locks, once; returns the folder of its programs.

    The lock is made of requirements.in as scripts/lock.sh makes the others:
    `uv pip compile requirements.in --universal --python-version 3.11 --generate-hashes
    --no-emit-index-url --no-header --no-annotate --output-file requirements.txt`.
    """
    programs, stamp = VENV / "bin", VENV / "lock.txt"
    lock = LOCK.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        print(f"setting up {VENV.relative_to(ROOT)} (the first time takes a minute)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        install = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        options = ["--quiet", "--no-deps", "--require-hashes", "--requirement", str(LOCK)]
        done = subprocess.run([*install, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        stamp.write_text(lock, encoding="utf-8")
    return programs


def why_not() -> str | None:
    """Say what the machine lacks, if anything."""
    from tests.helpers.postgres import programs

    if shutil.which("redis-server") is None:
        return "redis-server is not installed here"
    return None if programs() is not None else "PostgreSQL is not installed here"
