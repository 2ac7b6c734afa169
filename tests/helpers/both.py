"""Run on PostgreSQL the tests that have run on SQLite: those whose outcome a database can change.

    python -m tests.helpers.both [OPTION...]

docs/postgresql.md says which these are, and why not the others.
"""

import os
import subprocess
import sys

from tests.helpers.postgres import programs

TWICE = (
    "tests/app",
    "tests/api",
    "tests/dashboard",
    "tests/e2e/test_listen.py",
    "tests/e2e/test_read_in_handler.py",
    "tests/e2e/test_reading_settings.py",
    "tests/e2e/test_secret_rotation.py",
    "tests/store/test_walks.py",
    "tests/wire_compat/test_svix_messages.py",
    "tests/wire_compat/test_svix_pollers.py",
    "tests/wire_compat/test_svix_sdk.py",
    "tests/wire_compat/test_user_actions.py",
)

NONE_CHOSEN = 5
"""pytest's exit code when the options leave none of them."""


def main() -> int:
    """Run them; returns pytest's exit code."""
    where = programs()
    if where is None:
        print(
            "PostgreSQL: skipped, there is none here. On Linux (x86_64, aarch64) and macOS (arm64)"
            " make setup brings it; elsewhere install it with the system's packages."
        )
        return 0
    print(f"PostgreSQL: the tests of {', '.join(TWICE)} again, on {where}", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", "2", *TWICE, *sys.argv[1:]]
    env = {**os.environ, "CONSIGNEASE_TEST_DATABASE": "postgresql"}
    code = subprocess.run(command, env=env, check=False).returncode
    return 0 if code == NONE_CHOSEN else code


if __name__ == "__main__":
    sys.exit(main())
