"""How the portal looks, in the webhook API. Our own addition to it."""

from functools import partial

import msgspec
from msgspec import Struct

from consignease.api.ops import Call, Op
from consignease.app import brands
from consignease.app.admins import Entry
from consignease.domain import brand as rules
from consignease.domain.access import Need
from consignease.domain.brand import Brand
from consignease.edge.images import content_type


class BrandBody(Struct, kw_only=True):
    """How an instance's portal looks; what is left out is as if it had never been set."""

    name: str = ""
    logo: str = ""
    accent: str = ""
    theme: str = "auto"
    origins: list[str] = []


def _out(brand: Brand) -> bytes:
    return msgspec.json.encode(msgspec.convert(msgspec.to_builtins(brand), BrandBody))


async def get_brand(call: Call[None, None]) -> bytes:
    """Return how the portal looks."""
    return _out(await call.services.store.read(brands.get, call.instance))


async def put_brand(call: Call[None, BrandBody]) -> bytes:
    """Say how the portal is to look."""
    body, instance, now = call.body, call.instance, call.services.now()
    wanted = Brand(
        name=body.name,
        logo=body.logo,
        accent=body.accent,
        theme=body.theme,
        origins=tuple(body.origins),
    )
    brand = rules.check(wanted, content_type)
    detail = ", ".join(brand.origins)
    entry = Entry(call.caller.name, "", "portal.brand", instance.id, detail, instance.name, now)
    await call.services.store.write(brands.put, instance, brand, entry)
    return _out(brand)


_op = partial(Op, path="/api/v1/portal-brand", tag="Portal", needs=Need.ADMIN, returns=BrandBody)
OPS: tuple[Op, ...] = (
    _op(
        method="GET",
        name="v1.portal-brand.get",
        summary="Return how the portal looks and which sites may frame it.",
        handler=get_brand,
        refuses=(403,),
    ),
    _op(
        method="PUT",
        name="v1.portal-brand.update",
        summary="Say how the portal is to look and which sites may frame it.",
        handler=put_brand,
        body=BrandBody,
        refuses=(403, 422),
    ),
)
