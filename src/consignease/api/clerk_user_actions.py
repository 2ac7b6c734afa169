"""What is done to users in the Backend API: ban, lock, passwords."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from consignease.api.ops import Call, Handler, Op
from consignease.app import users as app
from consignease.domain import users
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.domain.users import Change
from consignease.wire.objects.user import UserJSON

BULK_MAX = 1000
"""Most users that one call bans or unbans."""

UserIds: TypeAlias = Annotated[list[str], Meta(min_length=1, max_length=BULK_MAX)]


class Nothing(Struct, kw_only=True):
    """A body that carries nothing."""


class Several(Struct, kw_only=True):
    """Body of POST /users/ban and /users/unban."""

    user_ids: UserIds


class RemovePassword(Struct, kw_only=True):
    """Body of POST /users/{user_id}/remove_password."""

    sign_out_of_other_sessions: bool | None = None


class SetCompromised(Struct, kw_only=True):
    """Body of POST /users/{user_id}/password/set_compromised."""

    revoke_all_sessions: bool | None = None


class VerifyPassword(Struct, kw_only=True):
    """Body of POST /users/{user_id}/verify_password."""

    password: str


class Verified(Struct, frozen=True, kw_only=True):
    """Answer of POST /users/{user_id}/verify_password."""

    verified: bool


class Page(Struct, kw_only=True, frozen=True):
    """Query of the lists of a user's memberships and invitations."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0


class InvitationPage(Page, kw_only=True, frozen=True):
    """Query of the list of a user's invitations."""

    status: list[str] = []


class NoneYet(Struct, frozen=True, kw_only=True):
    """A list of organizations' objects: there are no organizations yet."""

    data: list[dict[str, Any]] = []
    total_count: int = 0


Body: TypeAlias = Call[None, Any]


def _change(change: Change) -> Handler:
    async def handler(call: Body) -> bytes:
        services, user_id = call.services, call.path["user_id"]
        return await services.store.write(
            app.update, call.instance, user_id, change, services.now()
        )

    return handler


def _change_all(change: Change) -> Handler:
    async def handler(call: Call[None, Several]) -> bytes:
        services, user_ids = call.services, call.body.user_ids
        found = await services.store.write(
            app.update_all, call.instance, user_ids, change, services.now()
        )
        return b"[" + b",".join(found) + b"]"

    return handler


async def verify_password(call: Call[None, VerifyPassword]) -> bytes:
    """Tell whether a password is the user's; a wrong one is refused."""
    services, user_id = call.services, call.path["user_id"]
    digest = await services.store.read(app.password_digest, call.instance, user_id)
    if digest is None:
        msg = "This user has no password."
        raise Invalid(msg, code="no_password_set", param="password")
    if not await services.verify_password(call.body.password, digest):
        msg = "Password is incorrect. Try again, or use another method."
        raise Invalid(msg, code="form_password_incorrect", param="password")
    if services.outdated(digest):
        ours = await services.hash_password(call.body.password)
        await services.store.write(app.rehash, call.instance, user_id, digest, ours)
    return msgspec.json.encode(Verified(verified=True))


async def list_none(call: Call[Page, None]) -> bytes:
    """Answer an empty list for a user that exists."""
    services, user_id = call.services, call.path["user_id"]
    await services.store.read(app.get, call.instance, user_id, services.now())
    return msgspec.json.encode(NoneYet())


_TAG = "Users"
_ONE = "/v1/users/{user_id}"


def _post(path: str, name: str, summary: str, handler: Handler, **more: Any) -> Op:
    more = {"body": Nothing, "returns": UserJSON, "refuses": (404, 422)} | more
    more |= {"needs": Need.USERS_WRITE}
    return Op(
        method="POST", path=path, name=name, summary=summary, handler=handler, tag=_TAG, **more
    )


def _list(what: str, name: str, query: type[Page]) -> Op:
    return Op(
        method="GET",
        path=f"{_ONE}/{what}",
        name=name,
        summary=f"List a user's {what.replace('_', ' ')}; there are none yet.",
        handler=list_none,
        query=query,
        returns=NoneYet,
        refuses=(404, 422),
        tag=_TAG,
        needs=Need.USERS_READ,
    )


_SEVERAL: dict[str, Any] = {"body": Several, "returns": list[UserJSON]}

OPS: tuple[Op, ...] = (
    _post(f"{_ONE}/ban", "BanUser", "Ban a user.", _change(users.BAN)),
    _post(f"{_ONE}/unban", "UnbanUser", "Lift a user's ban.", _change(users.UNBAN)),
    _post("/v1/users/ban", "UsersBan", "Ban several users.", _change_all(users.BAN), **_SEVERAL),
    _post(
        "/v1/users/unban",
        "UsersUnban",
        "Lift the ban of several users.",
        _change_all(users.UNBAN),
        **_SEVERAL,
    ),
    _post(f"{_ONE}/lock", "LockUser", "Lock a user until unlocked.", _change(users.LOCK)),
    _post(f"{_ONE}/unlock", "UnlockUser", "Unlock a user.", _change(users.UNLOCK)),
    _post(
        f"{_ONE}/remove_password",
        "RemoveUserPassword",
        "Remove a user's password.",
        _change(users.REMOVE_PASSWORD),
        body=RemovePassword,
    ),
    _post(
        f"{_ONE}/verify_password",
        "VerifyPassword",
        "Tell whether a password is the user's.",
        verify_password,
        body=VerifyPassword,
        returns=Verified,
    ),
    _post(
        f"{_ONE}/password/set_compromised",
        "SetUserPasswordCompromised",
        "Ask for another password at the next sign-in.",
        _change(users.COMPROMISED),
        body=SetCompromised,
    ),
    _post(
        f"{_ONE}/password/unset_compromised",
        "UnsetUserPasswordCompromised",
        "Ask for no other password any more.",
        _change(users.NOT_COMPROMISED),
    ),
    _list("organization_memberships", "UsersGetOrganizationMemberships", Page),
    _list("organization_invitations", "UsersGetOrganizationInvitations", InvitationPage),
)
