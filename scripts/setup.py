"""Make a virtual environment from a locked requirements file, then put this project into it.

Run as ``python3 scripts/setup.py VENV REQUIREMENTS``; the Makefile does. Needs the standard library
only. Safe to repeat: what is already installed in the right version stays.

Nothing unlocked is fetched, build tools neither: ``--no-build-isolation`` makes a build use what an
earlier step installed. So demo.txt, which has the build tools and needs no build, goes before
test.txt, where one package exists as source only; and the project itself goes last.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = (3, 11)


def main() -> None:
    """Build the environment, install the lock into it, then the project itself, editable."""
    if sys.version_info < FLOOR:
        sys.exit(f"Python {FLOOR[0]}.{FLOOR[1]} or newer is needed; {sys.executable} is older.")
    venv, requirements = Path(sys.argv[1]), sys.argv[2]
    python = venv / "bin" / "python"
    if not works(python):
        have_venv_module()
        run(sys.executable, "-m", "venv", "--clear", venv)
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    options = ("--no-deps", "--no-build-isolation")
    print(f"setting up {venv} from {requirements} (the first time takes a minute)", flush=True)
    run(*pip, *options, "--require-hashes", "--requirement", requirements)
    run(*pip, *options, "--editable", ".")


def works(python: Path) -> bool:
    """Whether the environment is there, whole, and its interpreter new enough."""
    probe = f"import sys, pip; sys.exit(sys.version_info < {FLOOR})"
    return python.exists() and (
        subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0
    )


def have_venv_module() -> None:
    """Make sure that ``python -m venv`` can work: Debian keeps half of it in another package."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    apt = shutil.which("apt-get")
    if apt is None:
        sys.exit(f"{sys.executable} lacks the modules venv and ensurepip; install them first.")
    if os.geteuid() != 0:
        sys.exit(
            f"{sys.executable} cannot make virtual environments: the Debian package {package} is "
            f"missing, and only root can install it.\nRun: sudo apt-get install {package}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "--yes", "--no-install-recommends", package]
    if subprocess.run(install, env=env, check=False).returncode:
        # A fresh machine has no package lists yet; a kept one may have old ones.
        subprocess.run([apt, "update"], env=env, check=False)
        subprocess.run(install, env=env, check=True)


def run(*command: str | Path) -> None:
    """Run one step in the project's folder; its own words explain a failure, so add no traceback."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"setup stopped: {' '.join(str(part) for part in command)}")


if __name__ == "__main__":
    main()
