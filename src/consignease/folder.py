"""The data folder: the database, the key ring, the keys, and the lock that guards them.

==================  =========================================================
``consignease.db``  everything, in one SQLite file (with -wal and -shm beside)
``keyring.json``    the keys that secrets at rest are sealed under
``keyring.lock``    held for a moment by whoever changes them
``keys.json``       each instance's identifiers and keys, for `consignease env`
``server.json``     where the running server is reached; gone when it has stopped
``lock``            held by the one server that uses the folder
==================  =========================================================

The folder is readable by its owner only, and so are the files with keys.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from consignease.domain.keys import publishable_key, secret_key
from consignease.wire.ids import new_id

NAMES = ("development", "production")
_LAST_KEY = 255
_LOCK_TRIES, _LOCK_PAUSE = 250, 0.02


class FolderError(Exception):
    """The data folder cannot be used; says why and what to do."""


class InstanceKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What `keys.json` holds of one instance."""

    name: str
    id: str
    application_id: str
    frontend_host: str
    publishable_key: str
    secret_key: str
    public_key: str = ""
    """PEM key that session tokens are checked with; the server fills it in."""


def existing(path: Path) -> "Folder":
    """Open a data folder that a server has made, in order to read it.

    Raises:
        FolderError: there is none.
    """
    if not (path / "keys.json").exists():
        msg = (
            f"There is no data folder at {path.absolute()}. "
            "Start a server first (consignease dev), or name its folder with --data-dir."
        )
        raise FolderError(msg)
    return Folder(path)


class Folder:
    """An open data folder.

    Args:
        path: Where it is; made if it is not there.

    Raises:
        FolderError: it cannot be made or written, or others can read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: Any = None
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"The data folder {self.path} cannot be made: {error.strerror}."
            raise FolderError(msg) from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            msg = f"The data folder {self.path} cannot be written by this user."
            raise FolderError(msg)

    @property
    def database(self) -> Path:
        """The database file."""
        return self.path / "consignease.db"

    def lock(self) -> None:
        """Take the folder for this process.

        Raises:
            FolderError: another server uses it.
        """
        file = (self.path / "lock").open("a+", encoding="utf-8")
        try:
            _lock_file(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            msg = (
                f"Another server already uses the data folder {self.path} (process {holder}). "
                "Stop it first, or choose another folder with --data-dir."
            )
            raise FolderError(msg) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file

    def announce(self, base_url: str) -> None:
        """Note where the running server is reached."""
        _write(self.path / "server.json", {"base_url": base_url, "pid": os.getpid()})

    def running(self) -> str | None:
        """Return where the running server is reached; None if none runs."""
        file = self.path / "server.json"
        return _load(file)["base_url"] if file.exists() and self._is_locked() else None

    def _is_locked(self) -> bool:
        with (self.path / "lock").open("a+", encoding="utf-8") as file:
            try:
                _lock_file(file)
            except OSError:
                return True
        return False

    def unlock(self) -> None:
        """Let another process have the folder."""
        if self._lock is None:
            return  # what is there belongs to the server that holds it
        with contextlib.suppress(FileNotFoundError):
            (self.path / "server.json").unlink()
        self._lock.close()
        self._lock = None

    def key_ring(self, fresh: str) -> dict[int, str]:
        """Return the key ring: number to key text; made from `fresh` if there is none.

        Raises:
            FolderError: the ring is missing although there is a database.
        """
        file = self.path / "keyring.json"
        if not file.exists():
            if self.database.exists():
                msg = (
                    f"The key ring {file} is missing. Secrets in the database cannot be read "
                    "without it: restore it from your backup."
                )
                raise FolderError(msg)
            _write(file, {"1": fresh})
        return {int(number): key for number, key in _load(file).items()}

    def instance_keys(self) -> list[InstanceKeys]:
        """Return each instance's keys; made on the first call."""
        file = self.path / "keys.json"
        if not file.exists():
            made = [_new_keys(name) for name in NAMES]
            _write(file, {keys.name: msgspec.to_builtins(keys) for keys in made})
        return [msgspec.convert(keys, InstanceKeys) for keys in _load(file).values()]

    def add_public_keys(self, by_id: dict[str, str]) -> list[InstanceKeys]:
        """Note each instance's PEM key beside its other keys."""
        keys = [
            msgspec.structs.replace(one, public_key=by_id.get(one.id, one.public_key))
            for one in self.instance_keys()
        ]
        _write(self.path / "keys.json", {one.name: msgspec.to_builtins(one) for one in keys})
        return keys


class KeyRing:
    """The file with the keys that secrets at rest are sealed under.

    Args:
        path: The data folder.
    """

    def __init__(self, path: Path) -> None:
        self._file = path / "keyring.json"
        self._lock = path / "keyring.lock"
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_ino, found.st_mtime_ns

    def read(self) -> dict[int, str]:
        """Return the keys by their numbers.

        Raises:
            FolderError: the file cannot be read.
        """
        return {int(number): key for number, key in _load(self._file).items()}

    def follow(self) -> dict[int, str] | None:
        """Return the keys if the file was changed since this was last asked, else None."""
        try:
            stamp = self._stamp()
        except OSError:
            return None
        if stamp == self._seen:
            return None
        keys = self.read()
        self._seen = stamp
        return keys

    def add(self, fresh: str) -> dict[int, str]:
        """Add a key under the next number, unless older keys still wait to go; return the ring.

        Raises:
            FolderError: the file cannot be written, or has used its 255 numbers up.
        """
        with self._held():
            keys = self.read()
            if len(keys) == 1:
                number = max(keys) + 1
                if number > _LAST_KEY:
                    msg = f"The key ring has used up its {_LAST_KEY} numbers."
                    raise FolderError(msg)
                keys[number] = fresh
                self._keep(keys)
            return keys

    def drop(self, numbers: set[int]) -> None:
        """Remove keys.

        Raises:
            FolderError: the file cannot be written.
        """
        with self._held():
            left = {number: key for number, key in self.read().items() if number not in numbers}
            self._keep(left)

    def _keep(self, keys: dict[int, str]) -> None:
        try:
            _write(self._file, {str(number): keys[number] for number in sorted(keys)})
        except OSError as error:
            msg = f"{self._file} cannot be written: {error.strerror}."
            raise FolderError(msg) from None

    @contextlib.contextmanager
    def _held(self) -> Generator[None]:
        """Keep other processes from changing the file meanwhile."""
        with self._lock.open("a+", encoding="utf-8") as file:
            for _ in range(_LOCK_TRIES):
                try:
                    _lock_file(file)
                    break
                except OSError:
                    time.sleep(_LOCK_PAUSE)
            else:
                msg = f"{self._lock} is held by another process."
                raise FolderError(msg)
            yield


def _new_keys(name: str) -> InstanceKeys:
    host = f"{secrets.token_hex(6)}.consignease.localhost"
    return InstanceKeys(
        name=name,
        id=new_id("ins"),
        application_id=new_id("app"),
        frontend_host=host,
        publishable_key=publishable_key(host),
        secret_key=secret_key(secrets.token_bytes(27)),
    )


def _load(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{file} cannot be read: {error}."
        raise FolderError(msg) from None


def _write(file: Path, value: dict[str, Any]) -> None:
    """Write a file with keys so that it is whole or absent, whatever happens."""
    part = file.with_suffix(".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(value, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)


def _lock_file(file: Any) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
