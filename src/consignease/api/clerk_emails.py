"""Email addresses in the Backend API."""

from typing import TypeAlias

from msgspec import Struct

from consignease.api.ops import Call, Op
from consignease.app import emails as app
from consignease.domain import identifiers
from consignease.domain.emails import Edit, Status, Wanted
from consignease.wire.objects.deleted import DeletedObjectJSON
from consignease.wire.objects.identification import EmailAddressJSON


class CreateEmail(Struct, kw_only=True):
    """Body of POST /email_addresses."""

    user_id: str
    email_address: str
    verified: bool | None = None
    primary: bool | None = None
    notify_primary_email_address_changed: bool | None = None


class UpdateEmail(Struct, kw_only=True):
    """Body of PATCH /email_addresses/{email_address_id}."""

    verified: bool | None = None
    primary: bool | None = None
    notify_primary_email_address_changed: bool | None = None


class ReplaceEmail(Struct, kw_only=True):
    """Body of PUT /users/{user_id}/email_address."""

    email_address: str
    identification_status: Status = "verified"
    notify_primary_email_address_changed: bool | None = None


Create: TypeAlias = Call[None, CreateEmail]
Update: TypeAlias = Call[None, UpdateEmail]
Replace: TypeAlias = Call[None, ReplaceEmail]
One: TypeAlias = Call[None, None]


async def create_email(call: Create) -> bytes:
    """Give a user another email address."""
    services, body = call.services, call.body
    wanted = Wanted(
        address=identifiers.email(body.email_address),
        status="verified" if body.verified else "unverified",
        primary=bool(body.primary),
    )
    return await services.store.write(
        app.create, call.instance, body.user_id, wanted, services.now()
    )


async def get_email(call: One) -> bytes:
    """Return an email address."""
    email_id = call.path["email_address_id"]
    return await call.services.store.read(app.get, call.instance, email_id)


async def update_email(call: Update) -> bytes:
    """Change an email address."""
    services, email_id = call.services, call.path["email_address_id"]
    edit = Edit(verified=call.body.verified, primary=call.body.primary)
    return await services.store.write(app.update, call.instance, email_id, edit, services.now())


async def delete_email(call: One) -> bytes:
    """Remove an email address."""
    services, email_id = call.services, call.path["email_address_id"]
    return await services.store.write(app.delete, call.instance, email_id, services.now())


async def replace_email(call: Replace) -> bytes:
    """Replace all email addresses of a user by one."""
    services, body, user_id = call.services, call.body, call.path["user_id"]
    address = identifiers.email(body.email_address)
    wanted = Wanted(address=address, status=body.identification_status)
    return await services.store.write(app.replace, call.instance, user_id, wanted, services.now())


_TAG = "Email Addresses"
_ONE = "/v1/email_addresses/{email_address_id}"

OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path="/v1/email_addresses",
        name="CreateEmailAddress",
        summary="Give a user another email address.",
        handler=create_email,
        body=CreateEmail,
        returns=EmailAddressJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
    Op(
        method="GET",
        path=_ONE,
        name="GetEmailAddress",
        summary="Return an email address.",
        handler=get_email,
        returns=EmailAddressJSON,
        refuses=(404,),
        tag=_TAG,
    ),
    Op(
        method="PATCH",
        path=_ONE,
        name="UpdateEmailAddress",
        summary="Verify an email address or make it the primary one.",
        handler=update_email,
        body=UpdateEmail,
        returns=EmailAddressJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
    Op(
        method="DELETE",
        path=_ONE,
        name="DeleteEmailAddress",
        summary="Remove an email address.",
        handler=delete_email,
        returns=DeletedObjectJSON,
        refuses=(404,),
        tag=_TAG,
    ),
    Op(
        method="PUT",
        path="/v1/users/{user_id}/email_address",
        name="ReplaceUserEmailAddress",
        summary="Replace all email addresses of a user by one, the primary one.",
        handler=replace_email,
        body=ReplaceEmail,
        returns=EmailAddressJSON,
        refuses=(404, 422),
        tag=_TAG,
    ),
)
