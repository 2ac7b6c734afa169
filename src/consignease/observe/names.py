"""A resolver that is watched: how many names were found, and whether any is."""

import time
from collections.abc import Sequence

from consignease.edge.resolver import ResolveError, Resolver

RECENT_SECONDS = 60.0


class WatchedResolver:
    """Passes on to a resolver, and counts.

    Attributes:
        found: Names that were looked up and found.
        failed: Names that were looked up and not found.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.cached = resolver.cached
        self.found = 0
        self.failed = 0
        self._failure = ""
        self._failed_at = self._found_at = float("-inf")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name.

        Raises:
            ResolveError: there is none, or it took too long.
        """
        try:
            addresses = await self._resolver.resolve(host, port)
        except Exception as error:
            self.failed += 1
            known = isinstance(error, ResolveError)
            self._failure = str(error) if known else f"the look-up of {host} failed ({error!r})"
            self._failed_at = time.monotonic()
            raise
        self.found += 1
        self._found_at = time.monotonic()
        return addresses

    def failure(self) -> str:
        """Say what failed in the last minute, if nothing was found since; else nothing."""
        recent = time.monotonic() - self._failed_at < RECENT_SECONDS
        return self._failure if recent and self._failed_at > self._found_at else ""
