"""Many users in one call: our own addition to the Backend API, for imports and seeds."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from consignease.api.clerk_users import CreateUser, drafted
from consignease.api.errors import mismatch
from consignease.api.ops import Call, Op, Services
from consignease.app import user_import as app
from consignease.app.users import Emit
from consignease.domain.access import Need
from consignease.domain.faults import Fault, Invalid
from consignease.domain.users import Draft
from consignease.wire.ids import UserId, is_id, new_id

MANY = 500
"""Most users of one call."""
_UNIT = 25
"""How many are created in one unit of work, so that others need not wait long."""


class ImportUser(CreateUser, kw_only=True):
    """One user to be; as in POST /users, and its identifier if that is to be a certain one."""

    id: str | None = None


class ImportUsers(Struct, kw_only=True):
    """Body of POST /users/import.

    Attributes:
        users: What POST /users takes each, and an `id` if it is to be a certain one.
        emit: Whether each emits user.created.
    """

    users: Annotated[list[dict[str, Any]], Meta(max_length=MANY)]
    emit: bool = True


class Imported(Struct, frozen=True, kw_only=True):
    """What became of one user: its id, or why there is none."""

    id: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class ImportedUsers(Struct, frozen=True, kw_only=True):
    """Answer of POST /users/import, in the order of the users."""

    results: list[Imported]


async def import_users(call: Call[None, ImportUsers]) -> bytes:
    """Create many users; each succeeds or is refused for itself."""
    services, emit = call.services, Emit(call.body.emit)
    results: list[Imported] = []
    for start in range(0, len(call.body.users), _UNIT):
        asked = [await _draft(services, one) for one in call.body.users[start : start + _UNIT]]
        drafts = [one for one in asked if isinstance(one, Draft)]
        faults = iter(
            await services.store.write(app.create_all, call.instance, drafts, emit, services.now())
        )
        for one in asked:
            fault = one if isinstance(one, Fault) else next(faults)
            results.append(_result(one, fault))
    return msgspec.json.encode(ImportedUsers(results=results))


def _result(draft: Draft | Fault, fault: Fault | None) -> Imported:
    if fault is not None:
        return Imported(code=fault.code, message=fault.detail, param=fault.param)
    assert isinstance(draft, Draft)
    return Imported(id=draft.id)


async def _draft(services: Services, asked: dict[str, Any]) -> Draft | Fault:
    try:
        try:
            body = msgspec.convert(asked, ImportUser)
        except msgspec.ValidationError as error:
            return mismatch(error, "body")
        if body.id is None:
            return await drafted(services, body, UserId(new_id("user", services.now() / 1000)))
        if not is_id(body.id, "user"):
            msg = "id must be user_ and 27 letters and digits."
            raise Invalid("is invalid", detail=msg, param="id")
        draft = await drafted(services, body, UserId(body.id))
    except Fault as fault:
        return fault
    values = [one.value for one in (*draft.emails, *draft.phones)]
    ids = tuple(app.fixed_id(f"{draft.id} {value}", "idn") for value in values)
    return msgspec.structs.replace(draft, identification_ids=ids)


OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path="/v1/users/import",
        name="ImportUsers",
        needs=Need.USERS_WRITE,
        summary="Create many users; each succeeds or is refused for itself.",
        handler=import_users,
        body=ImportUsers,
        returns=ImportedUsers,
        refuses=(422,),
        tag="Users",
    ),
)
