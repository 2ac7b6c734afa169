"""A Node.js script that is asked one line of JSON at a time."""

import json
import subprocess
from types import TracebackType
from typing import Any, Self

from tests.helpers.node import WIRE_COMPAT, node_command


class Script:
    """A running script of tests/wire_compat."""

    def __init__(self, name: str, *args: str) -> None:
        self._process = subprocess.Popen(
            node_command(WIRE_COMPAT / name, *args),
            cwd=WIRE_COMPAT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: object) -> Any:
        """Send one line and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the script ended"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
