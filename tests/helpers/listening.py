"""`consignease listen` and `tunnel` as processes of their own, with what they print."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

SECONDS = 20


class AgentProcess:
    """A command that prints JSON; its lines are collected."""

    def __init__(self, *args: str, cwd: Path | None = None) -> None:
        command = [sys.executable, "-m", "consignease.cli.main", *args, "--output", "json"]
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def of(self, what: str) -> list[dict[str, Any]]:
        """The lines of one kind so far."""
        return [line for line in self.lines if line["what"] == what]

    def wait_for(self, what: str, count: int = 1, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Wait for so many lines of one kind."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.of(what)) >= count, seconds)
        if not arrived:
            errors = ""
            if self.process.poll() is not None and self.process.stderr is not None:
                errors = self.process.stderr.read()
            msg = f"{len(self.of(what))} of {count} lines {what!r}: {self.lines[-5:]} {errors}"
            raise TimeoutError(msg)
        return self.of(what)

    def stop(self) -> int:
        """Interrupt it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self.process.wait(SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(SECONDS)
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()


class ListenProcess(AgentProcess):
    """A listener."""

    def __init__(self, folder: Path, url: str, *args: str, cwd: Path | None = None) -> None:
        super().__init__("listen", "--forward-to", url, "--data-dir", str(folder), *args, cwd=cwd)


class TunnelProcess(AgentProcess):
    """A tunnel; it has no inspector unless one is asked for."""

    def __init__(self, folder: Path, to: str, *args: str, cwd: Path | None = None) -> None:
        usual = [] if "--inspect" in args else ["--inspect", "0"]
        super().__init__("tunnel", to, "--data-dir", str(folder), *usual, *args, cwd=cwd)

    @property
    def url(self) -> str:
        """The public URL."""
        return self.wait_for("open")[0]["url"]
