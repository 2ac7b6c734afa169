"""Email addresses and phone numbers in the Backend API."""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from consignease.api.ops import Call, Handler, Op
from consignease.app import identifications as app
from consignease.domain import identifiers
from consignease.domain.access import Need
from consignease.domain.identifications import EMAIL, PHONE, Kind, Status
from consignease.domain.user_identifications import Edit, Wanted
from consignease.wire.objects.deleted import DeletedObjectJSON
from consignease.wire.objects.identification import EmailAddressJSON, PhoneNumberJSON


class _Update(Struct, kw_only=True):
    verified: bool | None = None
    primary: bool | None = None


class UpdateEmail(_Update, kw_only=True):
    """Body of PATCH /email_addresses/{email_address_id}."""

    notify_primary_email_address_changed: bool | None = None


class UpdatePhone(_Update, kw_only=True):
    """Body of PATCH /phone_numbers/{phone_number_id}."""

    reserved_for_second_factor: bool | None = None


class CreateEmail(UpdateEmail, kw_only=True):
    """Body of POST /email_addresses."""

    user_id: str
    email_address: str


class CreatePhone(UpdatePhone, kw_only=True):
    """Body of POST /phone_numbers."""

    user_id: str
    phone_number: str


class ReplaceEmail(Struct, kw_only=True):
    """Body of PUT /users/{user_id}/email_address."""

    email_address: str
    identification_status: Status = "verified"
    notify_primary_email_address_changed: bool | None = None


class ReplacePhone(Struct, kw_only=True):
    """Body of PUT /users/{user_id}/phone_number."""

    phone_number: str
    identification_status: Status = "verified"


Body: TypeAlias = Call[None, Any]
Check: TypeAlias = Callable[[str], str]


def _create(kind: Kind, check: Check) -> Handler:
    async def handler(call: Body) -> bytes:
        services, body = call.services, call.body
        wanted = Wanted(
            value=check(getattr(body, kind.name)),
            status="verified" if body.verified else "unverified",
            primary=bool(body.primary),
            second_factor=bool(getattr(body, "reserved_for_second_factor", None)),
        )
        return await services.store.write(
            app.create, call.instance, kind, body.user_id, wanted, services.now()
        )

    return handler


def _get(kind: Kind) -> Handler:
    async def handler(call: Body) -> bytes:
        wanted = call.path[f"{kind.name}_id"]
        return await call.services.store.read(app.get, call.instance, kind, wanted)

    return handler


def _update(kind: Kind) -> Handler:
    async def handler(call: Body) -> bytes:
        services, body = call.services, call.body
        edit = Edit(
            verified=body.verified,
            primary=body.primary,
            second_factor=getattr(body, "reserved_for_second_factor", None),
        )
        changed = call.path[f"{kind.name}_id"]
        return await services.store.write(
            app.update, call.instance, kind, changed, edit, services.now()
        )

    return handler


def _delete(kind: Kind) -> Handler:
    async def handler(call: Body) -> bytes:
        services, removed = call.services, call.path[f"{kind.name}_id"]
        return await services.store.write(app.delete, call.instance, kind, removed, services.now())

    return handler


def _replace(kind: Kind, check: Check) -> Handler:
    async def handler(call: Body) -> bytes:
        services, body, user_id = call.services, call.body, call.path["user_id"]
        value = check(getattr(body, kind.name))
        wanted = Wanted(value=value, status=body.identification_status)
        return await services.store.write(
            app.replace, call.instance, kind, user_id, wanted, services.now()
        )

    return handler


class _Types(Struct, frozen=True):
    create: type[Struct]
    update: type[Struct]
    replace: type[Struct]
    answer: type[Struct]


def _ops(kind: Kind, many: str, check: Check, types: _Types) -> tuple[Op, ...]:
    name = kind.words.title().replace(" ", "")
    article = "an" if kind is EMAIL else "a"
    one = f"/v1/{many}/{{{kind.name}_id}}"

    def op(method: str, path: str, verb: str, summary: str, handler: Handler, **more: Any) -> Op:
        more = {"returns": types.answer, "refuses": (404, 422)} | more
        more |= {"needs": Need.USERS_READ if method == "GET" else Need.USERS_WRITE}
        tag = many.replace("_", " ").title()
        return Op(
            method=method, path=path, name=verb, summary=summary, handler=handler, tag=tag, **more
        )

    return (
        op(
            *("POST", f"/v1/{many}", f"Create{name}"),
            f"Give a user another {kind.words}.",
            _create(kind, check),
            body=types.create,
        ),
        op(
            *("GET", one, f"Get{name}", f"Return {article} {kind.words}.", _get(kind)),
            refuses=(404,),
        ),
        op(
            *("PATCH", one, f"Update{name}"),
            f"Verify {article} {kind.words} or make it the primary one.",
            _update(kind),
            body=types.update,
        ),
        op(
            *("DELETE", one, f"Delete{name}", f"Remove {article} {kind.words}.", _delete(kind)),
            returns=DeletedObjectJSON,
            refuses=(404,),
        ),
        op(
            *("PUT", f"/v1/users/{{user_id}}/{kind.name}", f"ReplaceUser{name}"),
            f"Replace all of a user's by one {kind.words}, the primary one.",
            _replace(kind, check),
            body=types.replace,
        ),
    )


OPS: tuple[Op, ...] = (
    *_ops(
        EMAIL,
        "email_addresses",
        identifiers.email,
        _Types(CreateEmail, UpdateEmail, ReplaceEmail, EmailAddressJSON),
    ),
    *_ops(
        PHONE,
        "phone_numbers",
        identifiers.phone,
        _Types(CreatePhone, UpdatePhone, ReplacePhone, PhoneNumberJSON),
    ),
)
