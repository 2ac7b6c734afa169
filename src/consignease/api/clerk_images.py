"""Pictures of users: set in the Backend API, shown to everybody."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from consignease.api.ops import Call, Op, Services, Upload
from consignease.app import user_images as app
from consignease.domain.access import Need
from consignease.domain.faults import Invalid
from consignease.edge import images
from consignease.store.user_images import Image
from consignease.wire.ids import is_id
from consignease.wire.objects.user import UserJSON

Avatars: TypeAlias = Callable[[str], Awaitable[Image | None]]
"""Finds the picture that a name in ``/avatars/`` stands for."""


async def set_image(call: Call[None, Upload]) -> bytes:
    """Give a user a picture."""
    body = call.body.parts.get("file")
    if not body:
        msg = "Send the picture as the part `file` of multipart/form-data."
        raise Invalid("is missing", code="form_param_missing", detail=msg, param="file")
    content_type = images.content_type(body)
    if content_type is None:
        msg = "file must be a PNG, JPEG, GIF or WebP."
        raise Invalid("is invalid", code="form_param_format_invalid", detail=msg, param="file")
    services, user_id = call.services, call.path["user_id"]
    return await services.store.write(
        app.put, call.instance, user_id, Image(content_type, body), services.now()
    )


async def delete_image(call: Call[None, None]) -> bytes:
    """Take a user's picture away."""
    services, user_id = call.services, call.path["user_id"]
    return await services.store.write(app.delete, call.instance, user_id, services.now())


def avatars(services: Services) -> Avatars:
    """Return what finds pictures by name, one that is drawn for users that have none."""

    async def find(name: str) -> Image | None:
        if is_id(name, "user"):
            return Image("image/svg+xml", images.generated(name))
        return await services.store.read(app.get, name) if is_id(name, "img") else None

    return find


_PATH = "/v1/users/{user_id}/profile_image"

OPS: tuple[Op, ...] = (
    Op(
        method="POST",
        path=_PATH,
        name="SetUserProfileImage",
        needs=Need.USERS_WRITE,
        summary="Give a user a picture: a PNG, JPEG, GIF or WebP.",
        handler=set_image,
        upload="file",
        upload_limit=images.BYTES_MAX,
        returns=UserJSON,
        refuses=(404, 422),
        tag="Users",
    ),
    Op(
        method="DELETE",
        path=_PATH,
        name="DeleteUserProfileImage",
        needs=Need.USERS_WRITE,
        summary="Take a user's picture away.",
        handler=delete_image,
        returns=UserJSON,
        refuses=(404,),
        tag="Users",
    ),
)
