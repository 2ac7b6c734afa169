"""Reading endpoint URLs: spellings of an address, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consignease.edge.guard import DEVELOPMENT, production, verdict_for_url
from consignease.edge.target import BadUrlError, check_url

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "127.0.0.0x1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0000::FFFF:7F00:0001]",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_every_spelling_of_loopback_is_seen_for_what_it_is(host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped and full-width forms get loopback's verdict."""
    url = f"http://{host}:8080/hook"
    assert check_url(url).literal
    assert not verdict_for_url(url, production()).ok
    assert verdict_for_url(url, DEVELOPMENT).ok


@given(st.integers(0, 2**32 - 1), st.data())
def test_ipv4_spellings_agree(number: int, data: st.DataObject) -> None:
    """However its parts are written and joined, the same number gives the same canonical host."""
    parts = data.draw(st.integers(1, 4))
    values = [number >> 8 * (3 - n) & 0xFF for n in range(parts - 1)]
    values.append(number & ((1 << 8 * (5 - parts)) - 1))
    write = st.sampled_from(["{:d}", "0x{:x}", "0X{:X}", "0{:o}"])
    host = ".".join(data.draw(write).format(value) for value in values)
    expected = ".".join(str(number >> shift & 0xFF) for shift in (24, 16, 8, 0))
    assert check_url(f"http://{host}/").host == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/", "http"),
        ("file:///etc/passwd", "http"),
        ("gopher://example.com/", "http"),
        ("//example.com/", "http"),
        ("example.com", "http"),
        ("", "http"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://./", "no host"),
        ("http://user:pass@example.com/", "password"),
        ("http://user@example.com/", "password"),
        ("http://@example.com/", "password"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://example.com/a b", "space"),
        (" http://example.com/", "space"),
        ("http://example.com/\r\nX: y", "control"),
        ("http://exa\tmple.com/", "control"),
        ("http://example.com/\x00", "control"),
        ("http://example.com/\x7f", "control"),
        ("http://example.com:0/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:http/", "port"),
        ("http://a..b/", "name"),
        ("http://%31%32%37.0.0.1/", "IPv4"),
        ("http://ex%61mple.com/", "name"),
        ("http://exa$mple.com/", "name"),
        (f"http://{'a' * 64}.com/", "name"),
        (f"http://{'a.' * 130}com/", "longer"),
        ("http://1.2.3.4.5/", "IPv4"),
        ("http://256.0.0.1/", "IPv4"),
        ("http://4294967296/", "IPv4"),
        ("http://1.2.3.08/", "IPv4"),
        ("http://example.0x1z.09/", "IPv4"),
        ("http://[::1/", "read"),
        ("http://[::g]/", "read|IPv6"),
        ("http://[fe80::1%25eth0]/", "interface|IPv6"),
        ("http://-\u00e9-.com/", "international"),
        ("http://example.com/" + "a" * 2048, "longer"),
    ],
)
def test_unusable_urls_are_refused_in_plain_words(url: str, words: str) -> None:
    """The refusal says what is wrong, and never repeats a password."""
    with pytest.raises(BadUrlError, match=words) as caught:
        check_url(url)
    assert "pass@" not in str(caught.value)
    assert not verdict_for_url(url, DEVELOPMENT).ok


def test_a_url_is_brought_to_canonical_form() -> None:
    """Case, default port, final dot, international name and fragment are settled once."""
    target = check_url("HTTPS://Bücher.Example.:443/Päth?q=1#part")
    assert target.url == "https://xn--bcher-kva.example/P%C3%A4th?q=1"
    assert (target.scheme, target.host, target.port, target.literal) == (
        "https",
        "xn--bcher-kva.example",
        443,
        False,
    )
    assert check_url("http://h:8080").url == "http://h:8080/"
    assert check_url("http://[2606:4700:0:0::1]:81/?a").url == "http://[2606:4700::1]:81/?a"


@given(st.text(max_size=60))
def test_reading_a_url_never_fails_in_any_other_way(text: str) -> None:
    """Whatever is written, it is either a target or refused, and canonical URLs are stable."""
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            target = check_url(url)
        except BadUrlError:
            continue
        assert check_url(target.url).url == target.url
        assert target.url.isascii()
