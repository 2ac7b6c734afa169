"""The verbs of the allow-list and the block-list."""

from consignease.domain.faults import Invalid, NotFound
from consignease.domain.identifier_rules import IdentifierRule, List
from consignease.domain.instances import Instance
from consignease.store import identifier_rules as store
from consignease.store.tx import Tx
from consignease.wire.ids import new_id

_PREFIX = {"allowlist": "alid", "blocklist": "blid"}


def create(
    tx: Tx, instance: Instance, where: List, identifier: str, identifier_type: str, now: int
) -> IdentifierRule:
    """Put an identifier on a list.

    Raises:
        Invalid: it is on the list.
    """
    rule = IdentifierRule(
        id=new_id(_PREFIX[where], now / 1000),
        identifier=identifier,
        identifier_type=identifier_type,
        created_at=now,
    )
    if not store.insert(tx, instance.no, where, rule):
        msg = f"{identifier} is on the {where} already."
        raise Invalid(msg, code="duplicate_record", param="identifier")
    return rule


def page(
    tx: Tx, instance: Instance, where: List, limit: int, offset: int
) -> tuple[list[IdentifierRule], int]:
    """Return a page of a list, newest first, and how many there are; a limit of -1 for all."""
    found = store.page(tx, instance.no, where, limit, offset)
    return found, store.count(tx, instance.no, where)


def delete(tx: Tx, instance: Instance, where: List, rule_id: str) -> None:
    """Take an identifier off a list.

    Raises:
        NotFound: there is none with that id.
    """
    if not store.delete(tx, instance.no, where, rule_id):
        raise NotFound("not found", detail=f"No {where} identifier was found with id {rule_id}.")
