"""Which IP networks exist for what: the table the address guard judges by.

Explicit networks, because "is it global" questions of general libraries answer
yes for multicast, for addresses that wrap a private IPv4 address, and for
public addresses behind which a cloud's metadata service listens. Sources: the
IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates) and
the metadata addresses that cloud providers document.
"""

import enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network


class Rule(enum.Enum):
    """Who may open an address."""

    PUBLIC = "public"
    """Anyone."""
    PRIVATE = "private"
    """A policy that allows private networks, or one that lists the network."""
    LISTED = "listed"
    """Only a policy that lists the network."""
    NEVER = "never"
    """Nobody, listed or not."""


METADATA = tuple(
    (ip_network(network), f"{owner} metadata address")
    for network, owner in (
        ("169.254.169.254", "a cloud"),
        ("169.254.169.253", "a cloud"),
        ("169.254.170.2", "a container"),
        ("169.254.170.23", "a container"),
        ("168.63.129.16", "a cloud host agent's"),
        ("100.100.100.200", "a cloud"),
        ("192.0.0.192", "a cloud"),
        ("fd00:ec2::254", "a cloud"),
        ("fd00:ec2::253", "a cloud"),
        ("fd00:ec2::23", "a container"),
        ("fd20:ce::254", "a cloud"),
    )
)

_TABLE = (
    ("0.0.0.0/8", "this host (0.0.0.0/8)", Rule.NEVER),
    ("10.0.0.0/8", "a private address", Rule.PRIVATE),
    ("100.64.0.0/10", "a shared (carrier) address", Rule.PRIVATE),
    ("127.0.0.0/8", "a loopback address", Rule.PRIVATE),
    ("169.254.0.0/16", "a link-local address", Rule.NEVER),
    ("172.16.0.0/12", "a private address", Rule.PRIVATE),
    ("192.0.0.0/24", "an IETF protocol address", Rule.LISTED),
    ("192.0.2.0/24", "a documentation address", Rule.LISTED),
    ("192.31.196.0/24", "an AS112 address", Rule.LISTED),
    ("192.52.193.0/24", "an AMT relay address", Rule.LISTED),
    ("192.88.99.0/24", "a 6to4 relay address", Rule.LISTED),
    ("192.168.0.0/16", "a private address", Rule.PRIVATE),
    ("192.175.48.0/24", "an AS112 address", Rule.LISTED),
    ("198.18.0.0/15", "a benchmarking address", Rule.LISTED),
    ("198.51.100.0/24", "a documentation address", Rule.LISTED),
    ("203.0.113.0/24", "a documentation address", Rule.LISTED),
    ("224.0.0.0/4", "a multicast address", Rule.NEVER),
    ("255.255.255.255/32", "the broadcast address", Rule.NEVER),
    ("240.0.0.0/4", "a reserved address", Rule.NEVER),
    ("::/128", "the unspecified address", Rule.NEVER),
    ("::1/128", "a loopback address", Rule.PRIVATE),
    ("::ffff:0:0:0/96", "an IPv4-translated (SIIT) address", Rule.NEVER),
    ("::/96", "an IPv4-compatible address", Rule.NEVER),
    ("64:ff9b:1::/48", "a local NAT64 address", Rule.NEVER),
    ("100::/64", "a discard address", Rule.NEVER),
    ("100:0:0:1::/64", "a dummy address", Rule.NEVER),
    ("2001::/32", "a Teredo address", Rule.NEVER),
    ("2001:2::/48", "a benchmarking address", Rule.LISTED),
    ("2001:10::/28", "an ORCHID address", Rule.NEVER),
    ("2001:20::/28", "an ORCHID address", Rule.NEVER),
    ("2001:30::/28", "a drone identifier address", Rule.NEVER),
    ("2001::/23", "an IETF protocol address", Rule.LISTED),
    ("2001:db8::/32", "a documentation address", Rule.LISTED),
    ("2002::/16", "a 6to4 address", Rule.NEVER),
    ("2620:4f:8000::/48", "an AS112 address", Rule.LISTED),
    ("3ffe::/16", "a former test network address", Rule.LISTED),
    ("3fff::/20", "a documentation address", Rule.LISTED),
    ("5f00::/16", "a segment routing address", Rule.NEVER),
    ("fc00::/7", "a private (unique local) address", Rule.PRIVATE),
    ("fe80::/10", "a link-local address", Rule.NEVER),
    ("fec0::/10", "a site-local address", Rule.LISTED),
    ("ff00::/8", "a multicast address", Rule.NEVER),
)

_NETWORKS = tuple((ip_network(network), words, rule) for network, words, rule in _TABLE)
_NEVER = tuple(net for net, _, rule in _NETWORKS if rule is Rule.NEVER)
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")
_6TO4 = IPv6Network("2002::/16")
_SIIT = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_ISATAP_IDS = (0x0000_5EFE, 0x0200_5EFE)


def classify(address: IPv4Address | IPv6Address) -> tuple[Rule, str]:
    """Say who may open `address` itself (not what it wraps), and what it is.

    IPv6 outside 2000::/3 is nobody's unless the table says otherwise, since
    nothing else has been given out for global use.
    """
    for network, words in METADATA:
        if address in network:
            return Rule.NEVER, words
    for network, words, rule in _NETWORKS:
        if address in network:
            return rule, words
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return Rule.NEVER, "an unassigned address"
    return Rule.PUBLIC, "a public address"


def always_refused(network: IPv4Network | IPv6Network) -> bool:
    """Whether no policy can open any address of `network`."""
    return any(_inside(network, never) for never in _NEVER)


def _inside(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    return (
        inner.version == outer.version
        and inner.network_address in outer
        and inner.broadcast_address in outer
    )


def mapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that connecting to an IPv4-mapped `address` reaches."""
    return _low(address) if address in _MAPPED else None


def translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address a NAT64 gateway turns `address` into (RFC 6052)."""
    return _low(address) if address in _NAT64 else None


def carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses written inside a tunnelling or transition address.

    Covers 6to4, Teredo (server and client), ISATAP under any prefix,
    IPv4-translated and IPv4-compatible addresses.
    """
    number = int(address)
    if address in _6TO4:
        return (IPv4Address(number >> 80 & 0xFFFF_FFFF),)
    if address in _TEREDO:
        server, client = number >> 64 & 0xFFFF_FFFF, ~number & 0xFFFF_FFFF
        return (IPv4Address(server), IPv4Address(client))
    if number >> 32 & 0xFFFF_FFFF in _ISATAP_IDS or address in _SIIT:
        return (_low(address),)
    if address in _COMPATIBLE and number > 1:
        return (_low(address),)
    return ()


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)
