"""Identifiers on the allow-list and the block-list."""

from consignease.domain.identifier_rules import IdentifierRule, List
from consignease.store.tx import Tx

_INSERT = """
INSERT INTO identifier_rule (instance, id, list, identifier, identifier_type, created_at)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_PAGE = """
SELECT id, identifier, identifier_type, created_at FROM identifier_rule
WHERE instance = ? AND list = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?
"""
_COUNT = "SELECT count(*) FROM identifier_rule WHERE instance = ? AND list = ?"
_DELETE = "DELETE FROM identifier_rule WHERE instance = ? AND list = ? AND id = ?"


def insert(tx: Tx, instance: int, where: List, rule: IdentifierRule) -> bool:
    """Put an identifier on a list; False if it is there."""
    values = (rule.id, where, rule.identifier, rule.identifier_type, rule.created_at)
    return tx.run(_INSERT, (instance, *values)) == 1


_ALL = 2**62


def page(tx: Tx, instance: int, where: List, limit: int, offset: int) -> list[IdentifierRule]:
    """Return a page of a list, newest first; a limit of -1 for all."""
    rows = tx.all(_PAGE, (instance, where, _ALL if limit < 0 else limit, offset))
    return [
        IdentifierRule(id=row[0], identifier=row[1], identifier_type=row[2], created_at=row[3])
        for row in rows
    ]


def count(tx: Tx, instance: int, where: List) -> int:
    """Return how many identifiers are on a list."""
    return tx.one(_COUNT, (instance, where))[0]


def delete(tx: Tx, instance: int, where: List, rule_id: str) -> bool:
    """Take an identifier off a list; False if there is none with that id."""
    return tx.run(_DELETE, (instance, where, rule_id)) == 1
