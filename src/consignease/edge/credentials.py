"""What an endpoint demands of who sends to it: certificates, a user name and a password.

They are written through the API and never shown again: sealed at rest, bound to
their endpoint; what may be shown of them is kept beside.
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from consignease.edge.target import BadUrlError
from consignease.edge.tls import Tls, check_ca, check_client
from consignease.edge.vault import Vault

_PLAIN_LIMIT = 512


class Credentials(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The credentials of one endpoint; empty for what it has not."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password: str = ""

    @property
    def tls(self) -> Tls | None:
        """What libcurl needs of them; None if that is nothing."""
        if not self.ca and not self.certificate:
            return None
        return Tls(self.ca.encode(), self.certificate.encode(), self.key.encode())


NONE = Credentials()


class BadCredentialsError(ValueError):
    """A user name or password cannot be sent."""


def shown(credentials: Credentials) -> dict[str, Any] | None:
    """Check credentials; returns what may be shown of them, None if there are none.

    Raises:
        BadPemError: a certificate or key cannot be used.
        BadCredentialsError: the user name or password cannot be sent.
    """
    found: dict[str, Any] = {}
    if credentials.ca:
        found["caCertificate"] = check_ca(credentials.ca)
    if credentials.certificate or credentials.key:
        found["clientCertificate"] = check_client(credentials.certificate, credentials.key)
    if credentials.username or credentials.password:
        _check_plain(credentials.username, credentials.password)
        found["basicAuth"] = {"username": credentials.username}
    return found or None


def _check_plain(username: str, password: str) -> None:
    if ":" in username:
        raise BadCredentialsError("a user name cannot hold a colon (RFC 7617)")
    if any(len(text) > _PLAIN_LIMIT or not text.isprintable() for text in (username, password)):
        raise BadCredentialsError("they hold control characters or are too long")


def seal(vault: Vault, credentials: Credentials, endpoint_id: str) -> bytes | None:
    """Seal credentials for their endpoint; None if there are none."""
    if credentials == NONE:
        return None
    return vault.seal(msgspec.json.encode(credentials), _belongs(endpoint_id))


def unseal(vault: Vault, sealed: bytes, endpoint_id: str) -> Credentials:
    """Open what `seal` has made.

    Raises:
        VaultError: the key is missing, or the value was altered or moved.
    """
    opened = vault.open(sealed, _belongs(endpoint_id))
    return msgspec.json.decode(opened, type=Credentials)


def changed(
    vault: Vault, endpoint_id: str, sealed: bytes | None, fields: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a change makes of an endpoint's credentials, checked and sealed.

    Args:
        vault: Seals them.
        endpoint_id: What they are sealed for.
        sealed: Those that it has; None for none.
        fields: The members of `Credentials` that change; empty text removes one.

    Returns:
        The endpoint's `credentials` and `sealed`; nothing if nothing changes.

    Raises:
        BadPemError: a certificate or key cannot be used.
        BadCredentialsError: the user name or password cannot be sent.
        VaultError: what it has cannot be opened.
    """
    before = NONE if sealed is None else unseal(vault, sealed, endpoint_id)
    after = msgspec.structs.replace(before, **fields)
    if after == before:
        return {}
    about = shown(after)
    return {"credentials": about, "sealed": seal(vault, after, endpoint_id)}


def _belongs(endpoint_id: str) -> str:
    return f"{endpoint_id}/credentials"


def authorization(credentials: Credentials, headers: Mapping[str, str]) -> list[str]:
    """Return the header line of Basic authentication (RFC 7617), unless one is set already."""
    if not (credentials.username or credentials.password):
        return []
    if any(name.lower() == "authorization" for name in headers):
        return []
    pair = f"{credentials.username}:{credentials.password}".encode()
    return [f"Authorization: Basic {base64.b64encode(pair).decode()}"]


def split_userinfo(url: str) -> tuple[str, tuple[str, str] | None]:
    """Take user name and password out of a URL.

    Returns:
        The URL without them, and the two, or None if it holds none.

    Raises:
        BadUrlError: the URL cannot be read.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadUrlError("the URL's host or port cannot be read") from None
    plain, at, _ = parts.netloc.rpartition("@")
    if not at or parts.scheme not in {"http", "https"}:
        return url, None
    username, _, password = plain.partition(":")
    return url.replace(f"{plain}@", "", 1), (unquote(username), unquote(password))
