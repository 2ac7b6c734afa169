"""The schema: what the migrations make, what the tables say, what was released."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from consignease.domain.faults import Unavailable
from consignease.store.database import HEAD, migrate, revision
from consignease.store.schema import metadata


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the tables that SQLite's full-text search keeps for itself."""
    return not (kind == "table" and (name or "").startswith("user_search"))


OPTIONS = {"include_name": ours}
RELEASED = Path(__file__).parents[1] / "fixtures" / "schema-0.1.0.sql"


def dump(path: Path) -> str:
    """The statements that make the schema, in order of their names."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    ).fetchall()
    connection.close()
    return "".join(f"{sql};\n" for _, sql in rows)


def shape(path: Path) -> dict[str, Any]:
    """Tables and indexes by name: columns in no order, kind of table, statement of an index."""
    connection = sqlite3.connect(path)
    found: dict[str, Any] = {}
    sql = "SELECT name, type, upper(sql) FROM sqlite_master WHERE sql IS NOT NULL"
    for name, kind, text in connection.execute(sql).fetchall():
        if kind == "index" or name.startswith("user_search"):
            found[name] = " ".join(text.split())
            continue
        columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        keys = connection.execute(f'PRAGMA index_list("{name}")').fetchall()
        unique = {
            tuple(row[2] for row in connection.execute(f'PRAGMA index_info("{key[1]}")'))
            for key in keys
            if key[2]
        }
        options = [word in text for word in ("WITHOUT ROWID", "STRICT", "AUTOINCREMENT")]
        found[name] = ({column[1:] for column in columns}, unique, options)
    for name in ("counter", "alembic_version"):
        found[f"rows of {name}"] = set(connection.execute(f"SELECT * FROM {name}"))
    found["alembic_version"] = ()  # Alembic writes its own in its own way
    connection.close()
    return found


def test_a_new_file_is_what_the_migrations_make_of_the_oldest(tmp_path: Path) -> None:
    """Made in one step or in all: the same tables, columns, keys, indexes and first rows."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    migrate(old, "0001")
    migrate(old)
    migrate(new)
    assert shape(new) == shape(old)


@pytest.mark.parametrize("first", ["0001", HEAD])
def test_the_migrations_make_what_the_tables_say(tmp_path: Path, first: str) -> None:
    """The migrations and schema.py describe the same tables and indexes."""
    path = tmp_path / "new.db"
    migrate(path, first)
    migrate(path)
    assert revision(path) == HEAD
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert (
            compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), metadata) == []
        )
    engine.dispose()


def test_the_schema_of_release_0_1_0_is_frozen(tmp_path: Path) -> None:
    """Migrations change a released schema; nobody edits it."""
    path = tmp_path / "new.db"
    migrate(path, "0001")
    assert dump(path) == RELEASED.read_text(encoding="utf-8")


def test_users_of_release_0_1_0_can_be_searched_after_the_upgrade(tmp_path: Path) -> None:
    """The index of texts is filled from the users that were there."""
    path = tmp_path / "old.db"
    migrate(path, "0001")
    connection = sqlite3.connect(path)
    zeros = ("totp_enabled", "backup_code_enabled", "banned", "locked", "bypass_client_trust")
    zeros += ("delete_self_enabled", "create_organization_enabled", "created_at", "updated_at")
    texts = ("public_metadata", "private_metadata", "unsafe_metadata")
    names = ("instance", "id", "first_name", "primary_email_address_id", *zeros, *texts)
    row = (1, "user_1", "Zoë", "idn_1", *[0] * len(zeros), *["{}"] * len(texts))
    marks = ", ".join("?" * len(row))
    connection.execute(f'INSERT INTO "user" ({", ".join(names)}) VALUES ({marks})', row)
    connection.execute("INSERT INTO object (no, instance, id, version) VALUES (7, 1, 'user_1', 1)")
    connection.execute(
        "INSERT INTO email_address VALUES (1, 'idn_1', 'user_1', 0, 'Zoe@example.com',"
        " 'zoe@example.com', 'verified', 'admin', 0, 0, 0)"
    )
    connection.commit()
    connection.close()
    migrate(path)
    assert revision(path) == HEAD
    connection = sqlite3.connect(path)
    for text in ('"zoë"', '"zoe" AND "oe@"', '"r_1"'):
        sql = "SELECT rowid, id FROM user_search WHERE user_search MATCH ?"
        assert connection.execute(sql, (text,)).fetchall() == [(7, "user_1")]
    sql = 'SELECT primary_email_key, password_compromised FROM "user"'
    assert connection.execute(sql).fetchall() == [("zoe@example.com", 0)]
    connection.close()


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    """A current database is left alone."""
    path = tmp_path / "new.db"
    migrate(path)
    before = path.read_bytes()
    migrate(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """We do not touch what we do not understand, and say so."""
    path = tmp_path / "new.db"
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match="newer release"):
        migrate(path)


def test_a_first_start_cut_short_leaves_nothing_half_made(tmp_path: Path) -> None:
    """Leftovers of an interrupted creation are swept away by the next start."""
    path = tmp_path / "new.db"
    path.with_suffix(".new").write_bytes(b"half a database")
    migrate(path)
    assert revision(path) == HEAD
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.db"]
