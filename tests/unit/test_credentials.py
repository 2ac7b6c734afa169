"""User info is taken out of a URL before it is kept."""

import pytest

from consignease.edge.credentials import (
    NONE,
    BadCredentialsError,
    Credentials,
    seal,
    shown,
    split_userinfo,
    unseal,
)
from consignease.edge.vault import Vault, VaultError


@pytest.mark.parametrize(
    ("url", "left", "found"),
    [
        ("https://a.test/x", "https://a.test/x", None),
        ("https://u@a.test/x@y", "https://a.test/x@y", ("u", "")),
        ("https://u:p@a.test:8443/?q=u:p@", "https://a.test:8443/?q=u:p@", ("u", "p")),
        ("http://u%40x:p%2F@[::1]/", "http://[::1]/", ("u@x", "p/")),
        ("http://a:b@c@d.test/", "http://d.test/", ("a", "b@c")),
        ("ftp://u:p@a.test/", "ftp://u:p@a.test/", None),
    ],
)
def test_user_info_is_split_off(url: str, left: str, found: tuple[str, str] | None) -> None:
    """Only from the authority, and decoded."""
    assert split_userinfo(url) == (left, found)


def test_sealed_credentials_cannot_be_moved_to_another_endpoint() -> None:
    """They are bound to the row they belong to, and to what they are."""
    vault = Vault({1: bytes(32)})
    mine = Credentials(username="a", password="b")
    sealed = seal(vault, mine, "ep_1")
    assert sealed is not None
    assert unseal(vault, sealed, "ep_1") == mine
    assert seal(vault, NONE, "ep_1") is None
    with pytest.raises(VaultError):
        unseal(vault, sealed, "ep_2")
    with pytest.raises(VaultError):
        vault.open(sealed, "ep_1")


def test_what_cannot_be_sent_is_refused() -> None:
    """A colon in the user name, control characters, too much."""
    for bad in (
        Credentials(username="a:b"),
        Credentials(username="a", password="b\r\n"),
        Credentials(username="a" * 513),
    ):
        with pytest.raises(BadCredentialsError):
            shown(bad)
