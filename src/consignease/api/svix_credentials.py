"""Credentials of an endpoint, as the webhook API takes them."""

from typing import Any

from msgspec import UNSET

from consignease.api.svix_shapes import Treatment
from consignease.domain.faults import Invalid
from consignease.edge.credentials import BadCredentialsError, changed
from consignease.edge.tls import BadPemError
from consignease.edge.vault import Vault

FIELDS = ("ca_certificate", "client_certificate", "client_key", "basic_auth")
"""The members of a body that are credentials."""

_PARAMS = {"ca": "caCertificate", "certificate": "clientCertificate", "key": "clientKey"}


def changes(
    vault: Vault,
    endpoint_id: str,
    sealed: bytes | None,
    body: Treatment,
    userinfo: tuple[str, str] | None,
) -> dict[str, Any]:
    """Return what a body changes of an endpoint's credentials, checked and sealed.

    Args:
        vault: Seals them.
        endpoint_id: What they are sealed for.
        sealed: Those that it has.
        body: What was sent; absent members leave what is there, null removes it.
        userinfo: The user name and password that stood in the URL.

    Raises:
        Invalid: a certificate, key, user name or password cannot be used.
    """
    given = {name: value for name in FIELDS if (value := getattr(body, name)) is not UNSET}
    if not given and userinfo is None:
        return {}
    try:
        return changed(vault, endpoint_id, sealed, _fields(given, userinfo))
    except BadPemError as error:
        raise Invalid(f"It cannot be used: {error}.", param=_PARAMS[error.part]) from None
    except BadCredentialsError as error:
        raise Invalid(f"It cannot be used: {error}.", param="basicAuth") from None


def _fields(given: dict[str, Any], userinfo: tuple[str, str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if userinfo is not None:
        found["username"], found["password"] = userinfo
    if "basic_auth" in given:
        basic = given["basic_auth"]
        found["username"] = "" if basic is None else basic.username
        found["password"] = "" if basic is None else basic.password
    for name, field in (
        ("ca_certificate", "ca"),
        ("client_certificate", "certificate"),
        ("client_key", "key"),
    ):
        if name in given:
            found[field] = given[name] or ""
    return found
