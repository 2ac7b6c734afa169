"""The command line in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def run(*args: str, cwd: Path | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "consignease.cli.main", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, **env},
    )
