"""Messages of an application, as the webhook API makes them."""

from consignease.app.message_orders import Order, Outgoing, create_all
from consignease.domain.faults import Fault
from consignease.domain.instances import Instance
from consignease.store.tx import Tx


def append(tx: Tx, instance: Instance, wanted: Outgoing, now: int) -> int:
    """Append one message to the application that the instance is seen as; returns its cursor."""
    order = Order(
        instance=instance,
        application="",
        wanted=wanted,
        key=None,
        request=b"",
        at=now,
        answer=lambda cursor: b"%d" % cursor,
    )
    (done,) = create_all(tx, [order])
    if isinstance(done, Fault):
        raise done
    return int(done.body)
