"""Which users are asked for, and in what order."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from consignease.domain import identifiers
from consignease.domain.faults import Invalid

T = TypeVar("T")

Time = Annotated[int, Meta(ge=0, le=2**53)]
"""Milliseconds since 1970."""

Part = Annotated[str, Meta(max_length=256)]
"""A part of a text, searched for."""

VALUES_MAX = 100
"""Most values of one filter."""
ORDERS = (
    "created_at",
    "updated_at",
    "email_address",
    "web3wallet",
    "first_name",
    "last_name",
    "phone_number",
    "username",
    "last_active_at",
    "last_sign_in_at",
)


class Text(Struct, frozen=True):
    """A part of what a user is called, in either case.

    Attributes:
        column: ``email_address``, ``phone_number``, ``username`` or ``name``; empty
            for any, or the id.
        part: What is to be found in it, folded.
    """

    column: str
    part: str


class Filter(Struct, frozen=True, kw_only=True):
    """Conditions that must all hold; an empty one is none.

    Values are the forms in which identifiers are compared; where one value is
    all there can be, a tuple holds it or nothing. Times are milliseconds.

    Attributes:
        banned: Holds a value if only the banned are asked for.
        not_banned: The same of all others.
        impossible: Holds a value if something was asked for that no user has.
    """

    email_keys: tuple[str, ...] = ()
    phone_keys: tuple[str, ...] = ()
    username_keys: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    not_user_ids: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    not_external_ids: tuple[str, ...] = ()
    banned: tuple[int, ...] = ()
    not_banned: tuple[int, ...] = ()
    created_before: tuple[int, ...] = ()
    created_after: tuple[int, ...] = ()
    active_before: tuple[int, ...] = ()
    active_after: tuple[int, ...] = ()
    active_since: tuple[int, ...] = ()
    signed_in_before: tuple[int, ...] = ()
    signed_in_after: tuple[int, ...] = ()
    impossible: tuple[int, ...] = ()
    texts: tuple[Text, ...] = ()


class Order(Struct, frozen=True):
    """One order of users; ties are broken by id, in the same direction."""

    by: str = "created_at"
    descending: bool = True


class Page(Struct, frozen=True):
    """One page of a list.

    Attributes:
        order: How the list is ordered.
        limit: Most users of the page.
        offset: How many are left out before it.
        after: The id of the user that the page follows; empty for none.
    """

    order: Order
    limit: int
    offset: int
    after: str = ""


class Asked(Struct, kw_only=True, frozen=True):
    """Which users, as a request's query says it; what is not given holds of every user.

    Ids may start with ``+`` or, to exclude, ``-``. Times are milliseconds.
    """

    email_address: list[str] = []
    phone_number: list[str] = []
    external_id: list[str] = []
    username: list[str] = []
    web3_wallet: list[str] = []
    user_id: list[str] = []
    organization_id: list[str] = []
    provider: str = ""
    provider_user_id: list[str] = []
    query: Part = ""
    email_address_query: Part = ""
    phone_number_query: Part = ""
    username_query: Part = ""
    name_query: Part = ""
    banned: bool | None = None
    last_active_at_before: Time | None = None
    last_active_at_after: Time | None = None
    last_active_at_since: Time | None = None
    created_at_before: Time | None = None
    created_at_after: Time | None = None
    last_sign_in_at_before: Time | None = None
    last_sign_in_at_after: Time | None = None


_LISTS = tuple(name for name, kind in Asked.__annotations__.items() if kind == list[str])


def build(asked: Asked) -> Filter:
    """Make a filter of what was asked.

    Raises:
        Invalid: a filter has too many values.
    """
    for param in _LISTS:
        if len(getattr(asked, param)) > VALUES_MAX:
            msg = f"{param} takes at most {VALUES_MAX} values."
            raise Invalid("has too many items", detail=msg, param=param)
    user_ids, not_user_ids = _signed(asked.user_id)
    external_ids, not_external_ids = _signed(asked.external_id)
    organization_ids, _ = _signed(asked.organization_id)
    # There are no wallets, organizations or accounts elsewhere.
    absent = (asked.web3_wallet, organization_ids, asked.provider, asked.provider_user_id)
    parts = {
        "": asked.query,
        "email_address": asked.email_address_query,
        "phone_number": asked.phone_number_query,
        "username": asked.username_query,
        "name": asked.name_query,
    }
    return Filter(
        email_keys=tuple(identifiers.email_key(value.strip()) for value in asked.email_address),
        phone_keys=tuple(map(_phone_key, asked.phone_number)),
        username_keys=tuple(map(identifiers.username_key, asked.username)),
        user_ids=user_ids,
        not_user_ids=not_user_ids,
        external_ids=external_ids,
        not_external_ids=not_external_ids,
        banned=(1,) if asked.banned else (),
        not_banned=(1,) if asked.banned is False else (),
        created_before=_given(asked.created_at_before),
        created_after=_given(asked.created_at_after),
        active_before=_given(asked.last_active_at_before),
        active_after=_given(asked.last_active_at_after),
        active_since=_given(asked.last_active_at_since),
        signed_in_before=_given(asked.last_sign_in_at_before),
        signed_in_after=_given(asked.last_sign_in_at_after),
        # The index cannot be asked for a null character, which no text has.
        impossible=(1,) if any(absent) or "\0" in "".join(parts.values()) else (),
        texts=tuple(
            Text(name, identifiers.fold(part.strip()))
            for name, part in parts.items()
            if part.strip() and "\0" not in part
        ),
    )


def _phone_key(value: str) -> str:
    # An unescaped plus sign in a query arrives as a space.
    return "+" + identifiers.phone_key(value).lstrip("+")


def _given(value: T | None) -> tuple[T, ...]:
    return () if value is None else (value,)


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
