"""How often somebody may try to sign in: from one address, and to one account.

An address has a bucket of tries that fills steadily. An account makes whoever
fails wait longer and longer, up to a quarter of an hour and never more, so that
nobody can be shut out for good. A browser that has signed in to the account
before is counted apart: a stranger's tries do not hold up its owner (OWASP,
"Device cookies"). What is refused is not counted: a wait that was named holds.
"""

import ipaddress
from hashlib import sha256

import msgspec


class Tries(msgspec.Struct, frozen=True):
    """What is remembered of tries: how many count, and as of when, in milliseconds."""

    count: int
    at: int


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """So many tries at once, and one more each time that long has passed.

    Attributes:
        tries: How many.
        every_ms: After how many milliseconds there is one more.
    """

    tries: int
    every_ms: int

    def taken(self, before: Tries, now: int) -> tuple[Tries, int]:
        """Return what is remembered after one more try, and for how long it has to wait."""
        over = max(0, now - before.at) // self.every_ms
        count = max(0, before.count - over)
        since = before.at + over * self.every_ms if count else now
        if count >= self.tries:
            return before, since + self.every_ms - now
        return Tries(count + 1, since), 0

    def ends(self, tries: Tries) -> int:
        """Return from when on nothing needs to be remembered."""
        return tries.at + tries.count * self.every_ms


class Growing(msgspec.Struct, frozen=True, kw_only=True):
    """So many tries at once; then each has to wait twice as long as the one before.

    Attributes:
        free: How many.
        first_ms: How long the first has to wait that has to.
        longest_ms: How long any has to wait at most.
        forget_ms: How long after the last try all are forgotten.
    """

    free: int
    first_ms: int
    longest_ms: int
    forget_ms: int

    def taken(self, before: Tries, now: int) -> tuple[Tries, int]:
        """Return what is remembered after one more try, and for how long it has to wait."""
        if now - before.at >= self.forget_ms:
            return Tries(1, now), 0
        wait = before.at + self._delay(before.count) - now
        return (before, wait) if wait > 0 else (Tries(before.count + 1, now), 0)

    def ends(self, tries: Tries) -> int:
        """Return from when on nothing needs to be remembered."""
        return tries.at + self.forget_ms

    def _delay(self, count: int) -> int:
        if count < self.free:
            return 0
        return min(self.longest_ms, self.first_ms << min(count - self.free, 32))


Limit = Steady | Growing

ADDRESS = Steady(tries=20, every_ms=30_000)
ACCOUNT = Growing(free=8, first_ms=15_000, longest_ms=15 * 60_000, forget_ms=24 * 3_600_000)


class Key(msgspec.Struct, frozen=True):
    """What tries are counted by, and the limit that they are under."""

    name: str
    limit: Limit


def by_address(ip: str) -> Key:
    """Count by where a request comes from; of IPv6 by the /64, which is one subscriber's."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return Key(f"address {ip[:64]}", ADDRESS)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return Key(f"address {ipaddress.ip_network((address, 64), strict=False)}", ADDRESS)
        address = address.ipv4_mapped
    return Key(f"address {address}", ADDRESS)


def by_account(email: str) -> Key:
    """Count by what was typed as the address, whether somebody has it or not."""
    return Key(f"account {_hash(email)}", ACCOUNT)


def by_browser(token: str) -> Key:
    """Count by a browser that has signed in to the account before."""
    return Key(f"browser {_hash(token)}", ACCOUNT)


def by_password(admin_id: str) -> Key:
    """Count who is signed in and is asked for the present password."""
    return Key(f"password {admin_id}", ACCOUNT)


def _hash(text: str) -> str:
    # People type passwords where an address belongs; those are kept nowhere.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
