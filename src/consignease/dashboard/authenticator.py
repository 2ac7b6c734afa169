"""Setting up an authenticator app: the secret as a QR code and as text, kept once a code was right.

Until then it is in the page alone, sealed for the account that it is shown to.
"""

import os
from typing import Any

from consignease.dashboard import qr
from consignease.dashboard.visit import Visit
from consignease.domain import totp
from consignease.domain.admins import Admin
from consignease.domain.faults import Invalid
from consignease.edge.vault import VaultError

NOTHING: dict[str, Any] = {"pending": "", "uri": "", "qr": "", "sealed": ""}
"""What a page shows while no app is being set up."""


def fresh(visit: Visit, admin: Admin) -> dict[str, Any]:
    """Return what a page shows of a new secret."""
    return _shown(visit, admin, os.urandom(totp.SECRET_BYTES))


def again(visit: Visit, admin: Admin) -> dict[str, Any]:
    """Return what a page shows of the secret that its form brought back.

    Raises:
        Invalid: the form was altered.
    """
    return _shown(visit, admin, _secret(visit, admin))


def confirmed(visit: Visit, admin: Admin) -> tuple[bytes, int]:
    """Return the secret, sealed to be kept, and the step of the code that was right.

    Raises:
        Invalid: the code is wrong, or the form was altered.
    """
    secret = _secret(visit, admin)
    wall = round(visit.deps.wall() * 1000)
    step = totp.accepted_step(secret, visit.form("code"), wall, 0)
    if step is None:
        raise Invalid("That code is wrong. Check the time of your phone.", param="code")
    return visit.deps.vault.seal(secret, admin.id), step


def _shown(visit: Visit, admin: Admin, secret: bytes) -> dict[str, Any]:
    uri = totp.uri(secret, admin.email)
    return {
        "pending": totp.readable(secret),
        "uri": uri,
        "qr": qr.svg(uri, "QR code for your authenticator app; the key is below it as text"),
        "sealed": visit.deps.vault.seal(secret, _belongs(admin)).hex(),
    }


def _secret(visit: Visit, admin: Admin) -> bytes:
    try:
        return visit.deps.vault.open(bytes.fromhex(visit.form("sealed")), _belongs(admin))
    except (ValueError, IndexError, VaultError):
        raise Invalid("This form was altered.", detail="Set the app up again.") from None


def _belongs(admin: Admin) -> str:
    return f"pending {admin.id}"
