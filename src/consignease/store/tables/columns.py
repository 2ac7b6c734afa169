"""How tables are written down here.

Every time is an integer in milliseconds since 1970, in both databases. Small
integers (``app``, ``endpoint``, ``subject``) name rows inside the database;
the long public identifiers are kept once, in the row they name.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()
"""All tables of this release."""

_INTEGER = BigInteger().with_variant(Integer(), "sqlite")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text is compared byte by byte, whatever language a database was made for."""


def table(name: str, *parts: Any, rowid: bool = True, by: str | None = None) -> Table:
    """Add a table.

    Args:
        name: Its name.
        parts: Columns, constraints and indexes.
        rowid: Without, SQLite keeps its rows in the primary key's order.
        by: The column by whose ranges PostgreSQL keeps it in parts.
    """
    options: dict[str, Any] = {"postgresql_partition_by": f"RANGE ({by})"} if by else {}
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=rowid, **options)


def integer(name: str, **options: Any) -> Column[int]:
    """Return a column of 64-bit integers, not null unless said otherwise."""
    options.setdefault("autoincrement", False)
    return Column(name, _INTEGER, nullable=options.pop("nullable", False), **options)


def string(name: str, **options: Any) -> Column[str]:
    """Return a column of text, not null unless said otherwise."""
    return Column(name, _TEXT, nullable=options.pop("nullable", False), **options)


def blob(name: str, **options: Any) -> Column[bytes]:
    """Return a column of bytes, not null unless said otherwise."""
    return Column(name, LargeBinary, nullable=options.pop("nullable", False), **options)
