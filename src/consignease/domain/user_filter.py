"""Which users are asked for, and in what order."""

from collections.abc import Sequence

from msgspec import Struct

from consignease.domain import identifiers
from consignease.domain.faults import Invalid

VALUES_MAX = 100
"""Most values of one filter."""
ORDERS = ("created_at", "updated_at")


class Filter(Struct, frozen=True, kw_only=True):
    """Conditions that must all hold; an empty one is none.

    Values are the forms in which identifiers are compared.
    """

    email_keys: tuple[str, ...] = ()
    username_keys: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    not_user_ids: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    not_external_ids: tuple[str, ...] = ()


class Order(Struct, frozen=True):
    """One order of users; ties are broken by id, in the same direction."""

    by: str = "created_at"
    descending: bool = True


class Page(Struct, frozen=True):
    """One page of a list."""

    order: Order
    limit: int
    offset: int


def build(
    *,
    email_address: Sequence[str] = (),
    username: Sequence[str] = (),
    user_id: Sequence[str] = (),
    external_id: Sequence[str] = (),
) -> Filter:
    """Make a filter of what was asked; ids may start with ``+`` or, to exclude, ``-``.

    Raises:
        Invalid: a filter has too many values.
    """
    asked = {
        "email_address": email_address,
        "username": username,
        "user_id": user_id,
        "external_id": external_id,
    }
    for param, values in asked.items():
        if len(values) > VALUES_MAX:
            msg = f"{param} takes at most {VALUES_MAX} values."
            raise Invalid("has too many items", detail=msg, param=param)
    user_ids, not_user_ids = _signed(user_id)
    external_ids, not_external_ids = _signed(external_id)
    return Filter(
        email_keys=tuple(identifiers.email_key(value.strip()) for value in email_address),
        username_keys=tuple(map(identifiers.username_key, username)),
        user_ids=user_ids,
        not_user_ids=not_user_ids,
        external_ids=external_ids,
        not_external_ids=not_external_ids,
    )


def order(text: str) -> Order:
    """Read an order such as ``-created_at``; of several the first one counts.

    A plus sign that was not escaped arrives as a space and is taken as one.

    Raises:
        Invalid: users cannot be ordered so.
    """
    first = text.split(",", maxsplit=1)[0]
    by = first.lstrip("+- ")
    if by not in ORDERS:
        msg = f"order_by must be one of {', '.join(ORDERS)}, after + or - or neither."
        raise Invalid("is invalid", detail=msg, param="order_by")
    return Order(by, first.startswith("-"))


def _signed(values: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted = tuple(value.lstrip("+ ") for value in values if not value.startswith("-"))
    unwanted = tuple(value[1:] for value in values if value.startswith("-"))
    return wanted, unwanted
