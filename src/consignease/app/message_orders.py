"""Creating messages: what many requests ask for at the same time, by a few statements."""

from collections.abc import Callable, Sequence

import msgspec

from consignease.app import applications, fanout
from consignease.app.applications import Wanted
from consignease.app.idempotency import Once, again, lifetime
from consignease.domain.faults import Conflict, Fault
from consignease.domain.instances import Instance
from consignease.store import addressing, endpoints, idempotency, labels, messages
from consignease.store.tx import Tx

ACCEPTED = 202
"""Status of the answer to a message that was taken."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be.

    Attributes:
        body: What is sent: JSON in the form that survives JavaScript.
        uid: Your own id for it, used once and never again; None for none.
        channels: Narrows which endpoints it goes to; none for no narrowing.
        tags: By which it can be found.
        deliver_at: When it is to be sent, in milliseconds; None for at once.
        content_type: What the body is, if not JSON of our own form.
        expires_at: When the body is to be forgotten; None for the server's rule.
    """

    type: str
    body: bytes
    uid: str | None = None
    channels: Sequence[str] = ()
    tags: Sequence[str] = ()
    deliver_at: int | None = None
    content_type: str | None = None
    expires_at: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it is sent at once, as JSON, and nothing more is to be noted of it."""
        return not self.tags and self.deliver_at is self.content_type is self.expires_at is None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a message.

    Attributes:
        application: Id or uid of its application; empty for the instance's built-in one.
        new: What the application is to be if it is not there, with its id; None if it must be.
        key: The idempotency key; None for none.
        request: A digest by which a repeated request is told from another one.
        at: The time, in milliseconds.
        answer: Makes the answer, without the payload, of the message's cursor.
    """

    instance: Instance
    application: str
    new: tuple[str, Wanted] | None = None
    wanted: Outgoing
    key: str | None
    request: bytes
    at: int
    answer: Callable[[int], bytes]


def create_all(tx: Tx, orders: Sequence[Order]) -> list[Once | Fault]:
    """Append messages to the log and address each to every matching endpoint.

    Returns:
        For each order its answer, which is the first one's where its key was
        used before; or why it is refused: there is no such application, or the
        eventId was used before.
    """
    done: list[Once | Fault | None] = [None] * len(orders)
    fresh: list[tuple[int, Order, Instance]] = []
    kept = _kept(tx, orders)
    applications.know(tx, [(one.instance, one.application) for one in orders if one.new is None])
    first: dict[tuple[int, str], int] = {}
    for at, order in enumerate(orders):
        key = None if order.key is None else (order.instance.no, order.key)
        known = None if key is None else kept.get(key)
        if known is not None:
            done[at] = again(known, order.request)
        elif key is not None and first.setdefault(key, at) != at:
            continue  # the same key twice at once: the first one's answer, below
        else:
            try:
                fresh.append((at, order, _inside(tx, order)))
            except Fault as fault:
                done[at] = fault
    if fresh:
        _append(tx, fresh, done)
    return [
        one or _repeated(order, orders, done, first)
        for one, order in zip(done, orders, strict=True)
    ]


def _inside(tx: Tx, order: Order) -> Instance:
    if order.new is None:
        return applications.named(tx, order.instance, order.application)
    app_id, wanted = order.new
    return applications.resolve_or_create(
        tx, order.instance, order.application, app_id, wanted, order.at
    )


def _kept(tx: Tx, orders: Sequence[Order]) -> dict[tuple[int, str], idempotency.Kept]:
    keys = {(order.instance.no, order.key) for order in orders if order.key is not None}
    return idempotency.find(tx, list(keys), orders[0].at) if keys else {}


def _repeated(
    order: Order,
    orders: Sequence[Order],
    done: Sequence[Once | Fault | None],
    first: dict[tuple[int, str], int],
) -> Once | Fault:
    assert order.key is not None
    at = first[order.instance.no, order.key]
    answer = done[at]
    assert answer is not None
    if isinstance(answer, Fault):
        return answer
    differs = orders[at].request != order.request
    return msgspec.structs.replace(answer, replayed=True, altered=differs)


def _append(
    tx: Tx, fresh: Sequence[tuple[int, Order, Instance]], done: list[Once | Fault | None]
) -> None:
    """Write messages, deliveries and answers to be kept; note each order's answer."""
    numbered = [
        (*one, cursor) for one, cursor in zip(fresh, tx.next_cursors(len(fresh)), strict=True)
    ]
    wanted_uids = [
        (inside.app, order.wanted.uid, cursor)
        for _, order, inside, cursor in numbered
        if order.wanted.uid is not None
    ]
    free = messages.take_uids(tx, wanted_uids) if wanted_uids else frozenset[int]()
    rows: list[messages.Row] = []
    addressed: list[addressing.Row] = []
    kept: list[idempotency.Kept] = []
    matches = endpoints.matching_all(
        tx,
        {
            (inside.app, order.wanted.type)
            for _, order, inside, _ in numbered
            if not order.wanted.channels
        },
    )
    for at, order, inside, cursor in numbered:
        wanted = order.wanted
        if wanted.uid is not None and cursor not in free:
            msg = f"There is a message with the eventId {wanted.uid}."
            done[at] = Conflict(msg, code="conflict")
            continue
        rows.append(_row(inside, wanted, cursor, order.at))
        matching = (
            endpoints.matching(tx, inside.app, wanted.type, wanted.channels)
            if wanted.channels
            else matches[inside.app, wanted.type]
        )
        fresh_one = _fresh(inside, wanted, cursor, order.at)
        addressed += fanout.addressed(tx, inside.app, fresh_one, matching)
        answer = Once(ACCEPTED, order.answer(cursor))
        done[at] = answer
        if order.key is not None:
            ends = order.at + lifetime(order.key)
            kept.append(
                idempotency.Kept(
                    inside.no, order.key, order.request, answer.status, answer.body, ends
                )
            )
    messages.insert_many(tx, rows)
    addressing.insert(tx, addressed)
    for _, order, inside, cursor in numbered:
        if not order.wanted.plain:
            _label(tx, inside, order.wanted, cursor)
    if kept:
        idempotency.keep(tx, kept, fresh[0][1].at)


def _label(tx: Tx, inside: Instance, wanted: Outgoing, cursor: int) -> None:
    labels.note(
        tx,
        inside.app,
        cursor,
        tags=wanted.tags,
        deliver_at=wanted.deliver_at,
        content_type=wanted.content_type,
        expires_at=wanted.expires_at,
    )


def _row(inside: Instance, wanted: Outgoing, cursor: int, at: int) -> messages.Row:
    channels = msgspec.json.encode(list(wanted.channels)).decode() if wanted.channels else None
    return cursor, inside.no, inside.app, wanted.type, at, wanted.body, wanted.uid, channels


def _fresh(inside: Instance, wanted: Outgoing, cursor: int, at: int) -> addressing.Fresh:
    return addressing.Fresh(
        cursor=cursor,
        subject=None,
        at=at,
        body=wanted.body,
        instance_id=inside.id,
        deletes=False,
        due_at=fanout.due_at(wanted.deliver_at, wanted.content_type, at),
    )
