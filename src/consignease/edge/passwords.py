"""Hash and check passwords with argon2id, in a few threads of their own.

One hash takes tens of megabytes and most of a core for a tenth of a second, so
how many run at once is bounded: a flood of sign-ins waits, it does not eat the
memory. Parameters: RFC 9106 section 4 (low-memory choice) for production, the
OWASP Password Storage Cheat Sheet's minimum for development.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from consignease.edge import digests

BYTES_LIMIT = 1024
"""Longest password accepted, in bytes of UTF-8."""

_T = TypeVar("_T")
_PRODUCTION = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4, type=Type.ID)
_DEVELOPMENT = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)


class PasswordTooLongError(ValueError):
    """The password is longer than `BYTES_LIMIT` bytes."""


class Hasher:
    """Hashes and verifies without blocking the event loop."""

    def __init__(self, max_concurrent: int = 2, *, development: bool = False) -> None:
        """Make a hasher.

        Args:
            max_concurrent: how many hashes are computed at the same time, each
                of them in 64 MiB (19 MiB in development); the rest queue.
            development: use the cheaper parameters.
        """
        self._argon2 = _DEVELOPMENT if development else _PRODUCTION
        self._threads = ThreadPoolExecutor(max_concurrent, thread_name_prefix="consignease-hash")

    async def hash(self, password: str) -> str:
        """Return a new digest of `password`, a PHC string.

        Raises:
            PasswordTooLongError: it is longer than `BYTES_LIMIT` bytes.
        """
        secret = _encode(password)
        return await self._run(lambda: self._argon2.hash(secret))

    async def verify(self, password: str, digest: str) -> bool:
        """Return whether `digest` was made from `password`.

        A digest that cannot be read matches nothing, and so does a password too
        long to have been hashed.
        """
        try:
            secret = _encode(password)
        except PasswordTooLongError:
            return False

        def check() -> bool:
            if digests.is_foreign(digest):
                return digests.verify(digest, secret)
            try:
                return self._argon2.verify(digest, secret)
            except (Argon2Error, InvalidHashError):
                return False

        return await self._run(check)

    def outdated(self, digest: str) -> bool:
        """Whether `digest` was made in another way than we make them now."""
        try:
            return self._argon2.check_needs_rehash(digest)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Stop the threads, once the hashes under way are done."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _encode(password: str) -> bytes:
    # A lone surrogate has no UTF-8 form; hash it all the same, not fail.
    secret = password.encode("utf-8", "surrogatepass")
    if len(secret) > BYTES_LIMIT:
        raise PasswordTooLongError(f"a password may have at most {BYTES_LIMIT} bytes")
    return secret
