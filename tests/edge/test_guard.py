"""The address guard, compared with a table written independently of it."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.edge.guard import DEVELOPMENT, Policy, production, verdict

PRODUCTION = production()
POLICIES = (DEVELOPMENT, PRODUCTION)

# First and last address of each range, as the registries print them.
PRIVATE_V4 = [
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.168.0.0", "192.168.255.255"),
]
RESERVED_V4 = [
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
]
NEVER_V4 = [
    ("0.0.0.0", "0.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
]
UNCOMMON_V4 = [
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.175.48.0", "192.175.48.255"),
]
METADATA_V4 = [
    "169.254.169.254",
    "169.254.169.253",
    "169.254.170.2",
    "169.254.170.23",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
]
METADATA_V6 = ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"]
NEVER_V6 = [
    ("::", "::"),
    ("::2", "::ffff:ffff"),
    ("::ffff:0:0:0", "::ffff:0:ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("6000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("200::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]
RESERVED_V6 = [
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]
PRIVATE_V6 = [("::1", "::1"), ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
ISATAP = (0x5EFE, 0x0200_5EFE)

v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)


def between(ranges: list[tuple[str, str]]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    kind = IPv6Address if ":" in ranges[0][0] else IPv4Address
    return st.one_of(
        [st.integers(int(kind(low)), int(kind(high))).map(kind) for low, high in ranges]
        + [st.sampled_from([kind(low), kind(high)]) for low, high in ranges]
    )


def holds(ranges: list[tuple[str, str]], address: IPv4Address | IPv6Address) -> bool:
    kind = type(address)
    return any(int(kind(low)) <= int(address) <= int(kind(high)) for low, high in ranges)


def special_v4(address: IPv4Address) -> bool:
    ranges = PRIVATE_V4 + RESERVED_V4 + NEVER_V4 + UNCOMMON_V4
    return holds(ranges, address) or str(address) in METADATA_V4


public_v4 = v4.filter(lambda address: not special_v4(address))
everything_v4 = st.one_of(
    v4,
    between(PRIVATE_V4),
    between(RESERVED_V4),
    between(NEVER_V4),
    st.sampled_from(METADATA_V4).map(IPv4Address),
)


@given(public_v4)
def test_every_ordinary_ipv4_address_is_open_to_both_policies(address: IPv4Address) -> None:
    """What no registry sets apart is public, as text and as packed bytes."""
    for policy in POLICIES:
        assert verdict(str(address), policy).ok
        assert verdict(address.packed, policy).ok


@given(between(PRIVATE_V4 + PRIVATE_V6[:0]) | between(PRIVATE_V6))
def test_private_addresses_are_open_to_development_only(address: IPv4Address | IPv6Address) -> None:
    """Loopback, private and shared networks: open in development, shut in production."""
    if str(address) in METADATA_V4 + METADATA_V6 or "5efe" in str(address):
        return
    assert verdict(str(address), DEVELOPMENT).ok
    assert not verdict(str(address), PRODUCTION).ok
    assert not verdict(address.packed, PRODUCTION).ok


@given(between(RESERVED_V4 + NEVER_V4 + UNCOMMON_V4) | between(RESERVED_V6) | between(NEVER_V6))
def test_reserved_addresses_are_shut_to_both_policies(address: IPv4Address | IPv6Address) -> None:
    """Documentation, benchmarking, multicast, link-local, tunnels and unassigned space are shut."""
    for policy in POLICIES:
        assert not verdict(str(address), policy).ok


@given(st.integers(1 << 125, (1 << 126) - 1).map(IPv6Address))
def test_ordinary_ipv6_addresses_are_open_to_both_policies(address: IPv6Address) -> None:
    """Global unicast that is neither set apart nor a tunnel is public."""
    apart = holds(
        NEVER_V6 + RESERVED_V6 + [("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff")], address
    )
    if apart or int(address) >> 32 & 0xFFFFFFFF in ISATAP:
        return
    for policy in POLICIES:
        assert verdict(str(address), policy).ok


@pytest.mark.parametrize("address", METADATA_V4 + METADATA_V6)
def test_metadata_addresses_are_shut_even_when_listed(address: str) -> None:
    """No policy opens a metadata address, in any of the forms that reach it."""
    wide = Policy(
        "wide",
        allow_private=True,
        allow_subnets=(ip_network("0.0.0.0/0"), ip_network("::/0"), ip_network(address)),
    )
    forms = [address]
    if "." in address:
        number = int(IPv4Address(address))
        forms += [
            f"::ffff:{address}",
            f"64:ff9b::{address}",
            f"::{address}",
            f"::ffff:0:{address}",
            f"2001:470::5efe:{address}",
            f"2001:470::200:5efe:{address}",
            str(IPv6Address((0x2002 << 112) | (number << 80))),
        ]
    for form in forms:
        for policy in (*POLICIES, wide):
            assert not verdict(form, policy).ok, form


@given(everything_v4)
def test_a_mapped_address_is_what_it_maps(address: IPv4Address) -> None:
    """::ffff:a.b.c.d gets the verdict of a.b.c.d, since that is what is connected to."""
    for policy in POLICIES:
        mapped = IPv6Address((0xFFFF << 32) | int(address))
        assert verdict(str(mapped), policy).ok == verdict(str(address), policy).ok
        assert verdict(mapped.packed, policy).ok == verdict(str(address), policy).ok


@given(everything_v4)
def test_a_nat64_address_is_open_only_to_what_is_public_behind_it(address: IPv4Address) -> None:
    """64:ff9b::/96 carries public IPv4 addresses and nothing else, in development too."""
    translated = IPv6Address((0x64FF9B << 96) | int(address))
    for policy in POLICIES:
        assert verdict(str(translated), policy).ok == (not special_v4(address))


@given(everything_v4, st.sampled_from(ISATAP), st.integers(0x2600, 0x28FF))
def test_an_isatap_address_is_no_better_than_what_it_carries(
    address: IPv4Address, interface: int, prefix: int
) -> None:
    """Under a public prefix the IPv4 address inside decides."""
    wrapped = IPv6Address((prefix << 112) | (interface << 32) | int(address))
    for policy in POLICIES:
        assert verdict(str(wrapped), policy).ok == verdict(str(address), policy).ok


@given(everything_v4, everything_v4, st.integers(0, 0xFFFF))
def test_tunnels_are_shut_whatever_they_carry(
    server: IPv4Address, client: IPv4Address, rest: int
) -> None:
    """6to4, Teredo, IPv4-compatible and IPv4-translated addresses are refused, named and unwrapped."""
    teredo = (0x2001 << 112) | (int(server) << 64) | (rest << 32) | (int(client) ^ 0xFFFFFFFF)
    six_to_four = (0x2002 << 112) | (int(client) << 80) | rest
    translated = (0xFFFF << 48) | int(client)
    for number, words in ((teredo, "Teredo"), (six_to_four, "6to4"), (translated, "SIIT")):
        for policy in POLICIES:
            judged = verdict(str(IPv6Address(number)), policy)
            assert not judged.ok
            assert words in judged.reason
            assert str(client) in judged.reason


@given(between(PRIVATE_V4 + RESERVED_V4 + UNCOMMON_V4))
def test_production_opens_exactly_what_is_listed(address: IPv4Address | IPv6Address) -> None:
    """A listed network opens its addresses, and a neighbour stays shut."""
    if str(address) in METADATA_V4:
        return
    listed = production([f"{address}/32"])
    assert verdict(str(address), listed).ok
    assert verdict(f"::ffff:{address}", listed).ok
    assert not verdict("10.11.12.13" if str(address) != "10.11.12.13" else "10.0.0.1", listed).ok


@pytest.mark.parametrize(
    "network", ["169.254.0.0/16", "fe80::/10", "224.0.0.0/4", "2002::/16", "nonsense"]
)
def test_listing_what_is_never_open_is_refused(network: str) -> None:
    """A list entry that could have no effect is an error, not a silent no."""
    with pytest.raises(ValueError, match="never opened|does not appear"):
        production([network])


@given(st.text(max_size=40) | st.binary(max_size=20))
def test_anything_that_is_not_an_address_is_refused(text: str | bytes) -> None:
    """The guard answers no, and never raises, for what it cannot read."""
    try:
        IPv6Address(text)
    except ValueError:
        try:
            IPv4Address(text)
        except ValueError:
            assert not verdict(text, DEVELOPMENT).ok


def test_an_address_with_an_interface_is_refused() -> None:
    """A scope could choose another way to the same number."""
    for policy in POLICIES:
        assert not verdict("fe80::1%eth0", policy).ok
        assert not verdict("2606:4700::1%1", policy).ok
