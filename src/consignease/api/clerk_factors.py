"""Second factors of users in the Backend API: kept, verified, taken away."""

from typing import Literal

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Handler, Op
from consignease.app import factors as app
from consignease.app import users
from consignease.domain import totp
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.user_params import ProfileParams
from consignease.domain.users import Factors
from consignease.edge.vault import Vault
from consignease.store.factors import Kept

_BCRYPT = ("$2a$", "$2b$", "$2y$")


class VerifyTOTP(Struct, kw_only=True):
    """Body of POST /users/{user_id}/verify_totp."""

    code: str


class VerifiedTOTP(Struct, frozen=True, kw_only=True):
    """Answer of POST /users/{user_id}/verify_totp."""

    verified: bool = True
    code_type: Literal["totp", "backup_code"]


class Disabled(Struct, frozen=True, kw_only=True):
    """Answer of the calls that take second factors away."""

    user_id: str


def sealed(vault: Vault, params: ProfileParams, user_id: str) -> Factors | None:
    """Check second factors that are given for a user, and seal them; None if none are.

    Raises:
        Invalid: the secret is no base32, or too short.
    """
    if not params.totp_secret and not params.backup_codes:
        return None
    secret = None
    if params.totp_secret:
        try:
            secret = vault.seal(totp.read(params.totp_secret), _totp_of(user_id))
        except ValueError as error:
            msg = f"totp_secret must be the base32 of a shared secret: {error}."
            raise Invalid("is invalid", detail=msg, param="totp_secret") from None
    codes = None
    if params.backup_codes:
        codes = vault.seal(msgspec.json.encode(params.backup_codes), _codes_of(user_id))
    return Factors(totp=secret, codes=codes)


def _totp_of(user_id: str) -> str:
    return f"totp {user_id}"


def _codes_of(user_id: str) -> str:
    return f"backup codes {user_id}"


async def verify_totp(call: Call[None, VerifyTOTP]) -> bytes:
    """Tell whether a code is good now; each is good once."""
    services, user_id, code = call.services, call.path["user_id"], call.body.code.strip()
    kept = await services.store.read(app.get, call.instance, user_id)
    while True:
        used = await _use(call, kept, user_id, code)
        if used is not None:
            return msgspec.json.encode(VerifiedTOTP(code_type=used))
        before, kept = kept, await services.store.read(app.get, call.instance, user_id)
        if (kept.totp, kept.codes) == (before.totp, before.codes):
            msg = "Incorrect code."
            raise Invalid(msg, code="form_code_incorrect", param="code")
        # They were sealed anew, or another code was used, meanwhile: look again.


async def _use(
    call: Call[None, VerifyTOTP], kept: Kept, user_id: str, code: str
) -> Literal["totp", "backup_code"] | None:
    services = call.services
    if kept.totp is None and kept.codes is None:
        msg = "This user has neither an authenticator nor backup codes."
        raise Invalid(msg, code="totp_not_configured", param="code")
    if kept.totp is not None:
        key = services.vault.open(kept.totp, _totp_of(user_id))
        step = totp.accepted_step(key, code, services.now(), kept.last_step)
        if step is not None and await services.store.write(
            app.use_step, call.instance, user_id, kept.totp, step
        ):
            return "totp"
    if kept.codes is not None and await _use_code(call, user_id, kept.codes, code):
        return "backup_code"
    return None


async def _use_code(call: Call[None, VerifyTOTP], user_id: str, kept: bytes, code: str) -> bool:
    services = call.services
    name = _codes_of(user_id)
    codes = msgspec.json.decode(services.vault.open(kept, name), type=list[str])
    for n, one in enumerate(codes):
        if one.startswith(_BCRYPT):
            right = await services.verify_password(code, f"bcrypt|{one}")
        else:
            right = one == code
        if right:
            left = services.vault.seal(msgspec.json.encode(codes[:n] + codes[n + 1 :]), name)
            return await services.store.write(app.use_code, call.instance, user_id, kept, left)
    return False


def _disable(*which: str) -> Handler:
    async def handler(call: Call[None, None]) -> bytes:
        services, user_id = call.services, call.path["user_id"]
        await services.store.write(users.disable_mfa, call.instance, user_id, which, services.now())
        return msgspec.json.encode(Disabled(user_id=user_id))

    return handler


_ONE = "/v1/users/{user_id}"


def _delete(what: str, name: str, summary: str, handler: Handler) -> Op:
    return Op(
        method="DELETE",
        path=f"{_ONE}/{what}",
        name=name,
        summary=summary,
        handler=handler,
        returns=Disabled,
        refuses=(404,),
        tag="Users",
        needs=Need.USERS_WRITE,
    )


OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path=f"{_ONE}/verify_totp",
        name="VerifyTOTP",
        needs=Need.USERS_WRITE,
        summary="Tell whether an authenticator's or a backup code is good now, and use it up.",
        handler=verify_totp,
        body=VerifyTOTP,
        returns=VerifiedTOTP,
        refuses=(404, 422),
        tag="Users",
    ),
    _delete(
        "mfa",
        "DisableMFA",
        "Take all second factors away.",
        _disable("totp_enabled", "backup_code_enabled", "phones"),
    ),
    _delete("totp", "DeleteTOTP", "Take the authenticator away.", _disable("totp_enabled")),
    _delete(
        "backup_code",
        "DeleteBackupCode",
        "Take the backup codes away.",
        _disable("backup_code_enabled"),
    ),
)
