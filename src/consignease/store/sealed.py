"""Where sealed values are: each is read with what it belongs to, and replaced by itself.

Whoever adds a column with sealed values adds it here; a test finds those that
were forgotten.
"""

from typing import Any, NamedTuple

from consignease.store.tx import Tx


class Place(NamedTuple):
    """One column of sealed values.

    Attributes:
        column: Table and column.
        first: What stands before the first key.
        number: How many values there are.
        page: Values after a key: the key's columns, `sealed` and `belongs_to`.
        replace: Puts another value in place of one that is still the same.
    """

    column: str
    first: tuple[object, ...]
    number: str
    page: str
    replace: str


PLACES = (
    Place(
        "endpoint_secret.sealed",
        (0, 0),
        "SELECT count(*) FROM endpoint_secret",
        """
        SELECT s.endpoint, s.n, s.sealed, e.id AS belongs_to
        FROM endpoint_secret s JOIN endpoint e ON e.no = s.endpoint
        WHERE (s.endpoint, s.n) > (?, ?) ORDER BY s.endpoint, s.n LIMIT ?
        """,
        "UPDATE endpoint_secret SET sealed = ? WHERE endpoint = ? AND n = ? AND sealed = ?",
    ),
    Place(
        "endpoint.credentials_sealed",
        (0,),
        "SELECT count(*) FROM endpoint WHERE credentials_sealed IS NOT NULL",
        """
        SELECT no, credentials_sealed AS sealed, id || '/credentials' AS belongs_to
        FROM endpoint WHERE no > ? AND credentials_sealed IS NOT NULL ORDER BY no LIMIT ?
        """,
        "UPDATE endpoint SET credentials_sealed = ? WHERE no = ? AND credentials_sealed = ?",
    ),
    Place(
        "token_key.private_sealed",
        ("",),
        "SELECT count(*) FROM token_key",
        """
        SELECT kid, private_sealed AS sealed, kid AS belongs_to
        FROM token_key WHERE kid > ? ORDER BY kid LIMIT ?
        """,
        "UPDATE token_key SET private_sealed = ? WHERE kid = ? AND private_sealed = ?",
    ),
    Place(
        "second_factor.totp",
        (0, ""),
        "SELECT count(*) FROM second_factor WHERE totp IS NOT NULL",
        """
        SELECT instance, user_id, totp AS sealed, 'totp ' || user_id AS belongs_to
        FROM second_factor WHERE (instance, user_id) > (?, ?) AND totp IS NOT NULL
        ORDER BY instance, user_id LIMIT ?
        """,
        "UPDATE second_factor SET totp = ? WHERE instance = ? AND user_id = ? AND totp = ?",
    ),
    Place(
        "second_factor.codes",
        (0, ""),
        "SELECT count(*) FROM second_factor WHERE codes IS NOT NULL",
        """
        SELECT instance, user_id, codes AS sealed, 'backup codes ' || user_id AS belongs_to
        FROM second_factor WHERE (instance, user_id) > (?, ?) AND codes IS NOT NULL
        ORDER BY instance, user_id LIMIT ?
        """,
        "UPDATE second_factor SET codes = ? WHERE instance = ? AND user_id = ? AND codes = ?",
    ),
    Place(
        "admin.totp_sealed",
        (0,),
        "SELECT count(*) FROM admin WHERE totp_sealed IS NOT NULL",
        """
        SELECT no, totp_sealed AS sealed, id AS belongs_to
        FROM admin WHERE no > ? AND totp_sealed IS NOT NULL ORDER BY no LIMIT ?
        """,
        "UPDATE admin SET totp_sealed = ? WHERE no = ? AND totp_sealed = ?",
    ),
)
"""Every column of sealed values."""


class Value(NamedTuple):
    """One sealed value: the key of its row, itself, and what it belongs to."""

    key: tuple[Any, ...]
    sealed: bytes
    belongs_to: str


def count(tx: Tx) -> int:
    """Return how many sealed values there are."""
    return sum(tx.one(place.number)[0] for place in PLACES)


def page(tx: Tx, place: Place, after: tuple[object, ...], limit: int) -> list[Value]:
    """Return the values of a place after a key, in its order."""
    return [
        Value(tuple(row[n] for n in range(len(after))), row["sealed"], row["belongs_to"])
        for row in tx.all(place.page, (*after, limit))
    ]


def replace(tx: Tx, place: Place, values: list[tuple[Value, bytes]]) -> None:
    """Put other values in place of those that are still what they were."""
    for value, fresh in values:
        tx.execute(place.replace, (fresh, *value.key, value.sealed))
