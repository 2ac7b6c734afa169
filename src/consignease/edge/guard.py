"""The address guard: which addresses the product may open a connection to.

Every outgoing request passes here, before it is sent and again in the sender
at the moment a socket is opened or reused. The guard only judges numeric
addresses: names are resolved first, and a name is as good as its worst address.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from consignease.edge.networks import (
    Rule,
    always_refused,
    carried,
    classify,
    mapped,
    translated,
)
from consignease.edge.target import BadUrlError, Target, check_url

__all__ = [
    "DEVELOPMENT",
    "BadUrlError",
    "Policy",
    "Target",
    "Verdict",
    "check_url",
    "production",
    "verdict",
    "verdict_for_url",
]

Network = IPv4Network | IPv6Network


class Policy(msgspec.Struct, frozen=True, cache_hash=True):
    """Which addresses may be opened besides public ones.

    Attributes:
        name: shown to people, and the key by which the sender drops connections.
        allow_private: whether loopback, private and shared networks are open.
        allow_subnets: networks opened one by one. Link-local, multicast,
            reserved, tunnelling and metadata addresses stay shut all the same.
    """

    name: str
    allow_private: bool = False
    allow_subnets: tuple[Network, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """The guard's answer.

    Attributes:
        ok: whether a connection may be opened.
        reason: what the address is, in plain words.
    """

    ok: bool
    reason: str


DEVELOPMENT = Policy("development", allow_private=True)
"""Policy of development instances: the developer's own machine and network are open."""


def production(allow_subnets: Iterable[str | Network] = ()) -> Policy:
    """Make the policy of production instances: public addresses and what is listed.

    Args:
        allow_subnets: networks such as `10.2.0.0/16`.

    Raises:
        ValueError: one of them is not a network, or no policy can open it.
    """
    networks: list[Network] = []
    for subnet in allow_subnets:
        network = ip_network(subnet)
        if always_refused(network):
            raise ValueError(f"{network} is never opened, so it cannot be listed")
        networks.append(network)
    return Policy("production", allow_subnets=tuple(networks))


@lru_cache(maxsize=16384)
def verdict(address: str | bytes, policy: Policy) -> Verdict:
    """Judge one address.

    Args:
        address: numeric, as text or as 4 or 16 packed bytes. Anything else,
            a name or an address with an interface included, is refused.
        policy: what is open.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return Verdict(ok=False, reason="not an IP address")
    if isinstance(parsed, IPv4Address):
        return _judge(parsed, policy)
    if parsed.scope_id is not None:
        return Verdict(ok=False, reason="an address with a network interface")
    return _judge_v6(parsed, policy)


def verdict_for_url(url: str, policy: Policy) -> Verdict:
    """Judge a URL as far as it can be judged without resolving its name.

    A host that is an address, in any spelling, gets that address's verdict; a
    name passes here and is judged once it is resolved. A URL that cannot be
    requested at all is refused with its reason.
    """
    try:
        target = check_url(url)
    except BadUrlError as error:
        return Verdict(ok=False, reason=str(error))
    if target.literal:
        return verdict(target.host, policy)
    return Verdict(ok=True, reason="a name, judged when it is resolved")


def _judge(address: IPv4Address | IPv6Address, policy: Policy) -> Verdict:
    rule, words = classify(address)
    if rule is Rule.PUBLIC:
        return Verdict(ok=True, reason=words)
    if rule is Rule.NEVER:
        return Verdict(ok=False, reason=f"{words}, never opened")
    if rule is Rule.PRIVATE and policy.allow_private:
        return Verdict(ok=True, reason=f"{words}, open to {policy.name}")
    if any(address in network for network in policy.allow_subnets):
        return Verdict(ok=True, reason=f"{words}, listed as allowed")
    return Verdict(ok=False, reason=f"{words}, not open to {policy.name}")


def _judge_v6(address: IPv6Address, policy: Policy) -> Verdict:
    inner = mapped(address)
    if inner is not None:
        return _judge(inner, policy)
    inner = translated(address)
    if inner is not None:
        rule, words = classify(inner)
        return Verdict(ok=rule is Rule.PUBLIC, reason=f"a NAT64 address of {inner}, {words}")
    outer = _judge(address, policy)
    inside = carried(address)
    if not outer.ok:
        wrapped = " and ".join(map(str, inside))
        return Verdict(ok=False, reason=f"{outer.reason} (of {wrapped})") if inside else outer
    for inner in inside:
        judged = _judge(inner, policy)
        if not judged.ok:
            return Verdict(ok=False, reason=f"it wraps {inner}, {judged.reason}")
    return outer
